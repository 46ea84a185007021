"""Features that drift slowly, within the bounds of every hour: a whole day of them shows it."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.days import day_statistics
from reference_pipeline.monitoring.snapshot import Finding, Snapshot


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``SlowDrift`` for each view of which a day's mean, or share of missing values, is out of history's range."""
    found: dict[str, list[str]] = {}
    for name, value, low, high in now.charts.outside(day_statistics(now.day), "day."):
        kind, _, rest = name.removeprefix("day.").partition(".")
        view, _, feature = rest.partition(".")
        if kind == "mean" or value > high:
            found.setdefault(view, []).append(f"{feature}: {kind} {value:.4g}, history {low:.4g} to {high:.4g}")
    for view, details in found.items():
        yield Finding("SlowDrift", "features", "warning", f"{view}, over a day: {'; '.join(details)}", {"view": view})
