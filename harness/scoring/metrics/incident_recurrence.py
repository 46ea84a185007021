"""Incident recurrence rate."""

from __future__ import annotations

from functools import partial

from harness.scoring.findings import ExperimentFinding, FaultFinding
from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, either, harmful, share_of_counts


def _came_back(pool: Pool, experiment: ExperimentFinding) -> tuple[int, int]:
    """Incidents of an experiment that came back, and all of them; the same fault again is no incident of its own."""
    groups: dict[tuple[str, str], list[FaultFinding]] = {}
    for fault in pool.faults(experiment, harmful):
        groups.setdefault((fault.fault, fault.point), []).append(fault)
    again = [
        sum(map(harmful, group)) > 1 or any(f.recovery is not None and f.recovery.relapsed for f in group)
        for group in groups.values()
    ]
    return sum(again), len(again)


def _compute(pool: Pool) -> Measured:
    """Unit: share, less is better. Source: harm of treatments, and scenarios that inject the same fault again.

    Harmful incidents that came back, over harmful incidents: users were back in the control's band and left it again,
    or the same fault at the same point did harm a second time. Interval over experiments.

    >>> from harness.scoring.metrics._example import experiment, pool
    >>> _compute(pool(experiment(relapsed=True), experiment())).value
    0.5
    """
    return share_of_counts(pool, partial(_came_back, pool), "no fault did harm")


METRIC = Metric(
    name="incident_recurrence",
    title="Incident recurrence",
    unit="share",
    higher_is_better=False,
    rank=12,
    columns=Columns(p50=0.30, p95=0.50, p99=0.70, world=0.10),
    compute=_compute,
    alike=either(harmful),
)
