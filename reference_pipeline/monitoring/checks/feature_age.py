"""Features that aren't refreshed."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.charts import statistics
from reference_pipeline.monitoring.snapshot import Finding, Snapshot


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``FeaturesStale`` (the features service falls behind a feed) and ``ViewStale`` (predictions use old views)."""
    for feed, taken_at in now.status("features").get("taken_at", {}).items():
        limit = now.expected_gap_s.get(feed)
        if limit is not None and now.at - taken_at > limit:
            yield Finding(
                "FeaturesStale",
                "features",
                "critical",
                f"no {feed} for {(now.at - taken_at) / 60:.0f} min",
                {"feed": feed},
            )
    for name, value, _, high in now.charts.outside(statistics(now.window), "age."):
        if value > high:
            view = name.removeprefix("age.")
            yield Finding(
                "ViewStale",
                "store",
                "warning",
                f"{view}: {value / 60:.0f} min on average, limit {high / 60:.0f} min",
                {"view": view},
            )
