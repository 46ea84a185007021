"""Requests fail."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.snapshot import Finding, Snapshot

#: Share of failed requests of the last half hour, and the requests that it takes to judge.
FAILED_AT_MOST = 0.05
REQUESTS_AT_LEAST = 3


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``PredictionErrors`` when more than 5 % of the recent requests failed."""
    status = now.status("serving")
    recent, failed = status.get("recent", 0), status.get("recent_failed", 0)
    if recent >= REQUESTS_AT_LEAST and failed > FAILED_AT_MOST * recent:
        yield Finding("PredictionErrors", "serving", "critical", f"{failed} of the last {recent} requests failed")
