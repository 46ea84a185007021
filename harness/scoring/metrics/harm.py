"""Harm of a fault to users."""

from __future__ import annotations

from functools import partial

from harness.scoring.findings import ExperimentFinding
from harness.scoring.metrics._metric import Measured, Metric, Pool, acted, both, parts_of


def _total(pool: Pool, experiment: ExperimentFinding) -> tuple[float, float]:
    found = [fault.harm for fault in pool.faults(experiment, acted)]
    return sum(found), len(found)


def _compute(pool: Pool) -> Measured:
    """Unit: hours of a total outage, less is better. Source: `request` lines of treatments against their controls.

    The mean over acted faults of the integral of the total loss's excess while users were harmed; an absorbed fault
    did none. The document has no columns for it. Interval over experiments.

    >>> from harness.scoring.metrics._example import experiment, pool
    >>> _compute(pool(experiment(harm=0.5), experiment(harmed=False))).value
    0.25
    """
    parts = parts_of(pool.experiments, partial(_total, pool))
    n = sum(part.denominator for part in parts)
    if not n:
        return Measured(None, note="no fault had an effect")
    return Measured(sum(part.numerator for part in parts) / n, n=int(n), parts=parts)


METRIC = Metric(
    name="harm",
    title="Harm a fault",
    unit="h",
    higher_is_better=False,
    rank=15,
    columns=None,
    compute=_compute,
    alike=both(acted),
)
