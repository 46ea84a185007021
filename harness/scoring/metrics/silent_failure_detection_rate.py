"""Silent-failure detection rate."""

from __future__ import annotations

from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, proportion
from harness.verdict import Outcome


def _compute(pool: Pool) -> Measured:
    """Harmful faults that were detected over harmful faults, with the Clopper-Pearson interval."""
    caught = sum(fault.outcome is Outcome.CAUGHT for fault in pool.harmful)
    return proportion(caught, len(pool.harmful), "no fault did harm", exact=True)


METRIC = Metric(
    name="silent_failure_detection_rate",
    title="Silent-failure detection",
    unit="share",
    higher_is_better=True,
    rank=5,
    columns=Columns(p50=0.50, p95=0.30, p99=0.10, world=0.95),
    compute=_compute,
)
