"""On-call pages per week."""

from __future__ import annotations

from harness.scoring.exposure import exposure_of, watched_text
from harness.scoring.intervals import poisson_upper
from harness.scoring.metrics._metric import Columns, Measured, Metric, Pool


def _compute(pool: Pool) -> Measured:
    """Unit: pages a week, less is better. Source: `alert` lines of fault-free runs.

    Critical alerts in fault-free runs a week, with the upper 95 % bound of a Poisson rate: what wakes people for
    nothing. Each hour of the replay counts once, as for false alarms.

    >>> from harness.scoring.metrics._example import control, pool
    >>> _compute(pool(controls=(control(days=3.5, alarms=2, pages=1),))).value
    2.0
    """
    watched = exposure_of(pool.usable_controls, lambda alarm: alarm.severity == "critical")
    if watched.days <= 0:
        return Measured(None, note="no fault-free run was observed")
    weeks = watched.days / 7
    pages = sum(control.pages for control in pool.usable_controls)
    return Measured(
        watched.alarms / weeks,
        high=poisson_upper(watched.alarms, weeks),
        n=pages,
        note=watched_text(pages, pool.usable_controls, watched.days),
    )


METRIC = Metric(
    name="on_call_pages",
    title="On-call pages without a fault",
    unit="per_week",
    higher_is_better=False,
    rank=13,
    columns=Columns(p50=10, p95=25, p99=50, world=2),
    compute=_compute,
)
