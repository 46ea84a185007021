"""Predictions that are off for a part of the users, although they are right on average."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.days import day_outcomes
from reference_pipeline.monitoring.snapshot import Finding, Snapshot


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``SegmentBias`` for each segment whose predictions, over a day, were too high or too low for what happened."""
    for name, value, low, high in now.charts.outside(day_outcomes(now.labelled_day), "day.bias."):
        segment = name.removeprefix("day.bias.")
        summary = f"{segment}: predictions are {value:+.3f} off, history {low:+.3f} to {high:+.3f}"
        yield Finding("SegmentBias", "model", "critical", summary, {"segment": segment})
