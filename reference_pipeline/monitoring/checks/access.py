"""Requests that no honest user makes: too many, or of what doesn't exist."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.snapshot import Finding, Snapshot, increase

#: So many refused, malformed or odd requests between two looks are more than slips of the pen.
AT_LEAST = 10


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``ApiAbuse`` (a client over its rate), ``MalformedRequests`` and ``OddRequests`` since the last look."""
    for alert, counter, what in (
        ("ApiAbuse", "limited", "requests were over the rate of one client"),
        ("MalformedRequests", "malformed", "requests could not be read"),
        ("OddRequests", "odd", "requests were unlike any in history"),
    ):
        count = increase(now, before, "serving", counter)
        if count >= AT_LEAST:
            yield Finding(alert, "serving", "warning", f"{count:.0f} {what}")
