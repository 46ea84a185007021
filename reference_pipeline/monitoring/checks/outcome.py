"""What the predictions are worth to who uses them."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.days import day_outcomes
from reference_pipeline.monitoring.snapshot import Finding, Snapshot


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``ValueLost`` when a day's warnings were worth less than those of history's days ever were."""
    for _, value, low, _ in now.charts.outside(day_outcomes(now.labelled_day), "day.value"):
        if value < low:
            summary = f"warnings of a day were worth {value:.2f} of perfect ones, history at least {low:.2f}"
            yield Finding("ValueLost", "predictions", "critical", summary)
