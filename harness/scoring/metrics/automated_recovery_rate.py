"""Automated recovery rate."""

from __future__ import annotations

from harness.scoring.findings import RecoveryKind
from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool, proportion


def _compute(pool: Pool) -> Measured:
    """Harmful faults that were mitigated, or recovered after their removal, over harmful faults. No operator
    takes part in a run, so every recovery is the pipeline's own. Clopper-Pearson interval."""
    ended = sum(
        fault.recovery is not None and fault.recovery.kind in (RecoveryKind.MITIGATED, RecoveryKind.RECOVERED)
        for fault in pool.harmful
    )
    return proportion(ended, len(pool.harmful), "no fault did harm", exact=True)


METRIC = Metric(
    name="automated_recovery_rate",
    title="Automated recovery",
    unit="share",
    higher_is_better=True,
    rank=6,
    columns=Columns(p50=0.30, p95=0.10, p99=0.0, world=0.80),
    compute=_compute,
)
