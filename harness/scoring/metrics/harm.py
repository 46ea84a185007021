"""Harm of a fault to users."""

from __future__ import annotations

from harness.scoring.metrics._metric import Measured, Metric, Pool


def _compute(pool: Pool) -> Measured:
    """The mean over acted faults of the integral of D(t) of the total loss, in hours of a total outage.
    Absorbed faults count with what little they did. The document has no columns for it."""
    values = [fault.harm for fault in pool.acted]
    if not values:
        return Measured(None, note="no fault had an effect")
    return Measured(sum(values) / len(values), n=len(values))


METRIC = Metric(
    name="harm",
    title="Harm a fault",
    unit="h",
    higher_is_better=False,
    rank=10,
    columns=None,
    compute=_compute,
)
