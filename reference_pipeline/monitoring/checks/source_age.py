"""A source has gone silent."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.snapshot import Finding, Snapshot


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``SourceStale``: a feed's newest window is too old."""
    for feed, state in now.status("ingestion").get("feeds", {}).items():
        newest = state.get("last_window_end")
        limit = now.expected_gap_s.get(feed)
        if newest is not None and limit is not None and now.at - newest > limit:
            age_min = (now.at - newest) / 60
            yield Finding(
                "SourceStale",
                feed,
                "critical",
                f"newest data is {age_min:.0f} min old, limit {limit / 60:.0f} min",
                {"feed": feed},
            )
