"""Silent-failure detection rate."""

from __future__ import annotations

from harness.scoring.findings import FaultFinding
from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, either, harmful, noticed, share_of_faults


def _not_silent(fault: FaultFinding) -> bool:
    return noticed(fault) or not harmful(fault)


def _compute(pool: Pool) -> Measured:
    """Unit: share, more is better. Source: outcomes of faults.

    Harmful faults that were detected over harmful faults, with Clopper and Pearson's interval.

    >>> from harness.scoring.metrics._example import experiment, pool
    >>> _compute(pool(experiment(detected_s=60.0), experiment(), experiment(harmed=False))).value
    0.5
    """
    return share_of_faults(pool, harmful, _not_silent, "no fault did harm")


METRIC = Metric(
    name="silent_failure_detection_rate",
    title="Silent-failure detection",
    unit="share",
    higher_is_better=True,
    rank=5,
    columns=Columns(p50=0.50, p95=0.30, p99=0.10, world=0.95),
    compute=_compute,
    alike=either(harmful),  # without harm there is nothing to be silent about
)
