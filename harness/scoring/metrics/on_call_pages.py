"""On-call pages per week."""

from __future__ import annotations

from harness.scoring.intervals import poisson_upper
from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool


def _compute(pool: Pool) -> Measured:
    """Critical alerts in fault-free runs a week, with the upper 95 % bound: what wakes people for nothing."""
    weeks = sum(control.days for control in pool.usable_controls) / 7
    if weeks <= 0:
        return Measured(None, note="no fault-free run was observed")
    pages = sum(control.pages for control in pool.usable_controls)
    return Measured(pages / weeks, high=poisson_upper(pages, weeks), n=pages, note=f"{pages} in {weeks * 7:.3g} days")


METRIC = Metric(
    name="on_call_pages",
    title="On-call pages without a fault",
    unit="per_week",
    higher_is_better=False,
    rank=9,
    columns=Columns(p50=10, p95=25, p99=50, world=2),
    compute=_compute,
)
