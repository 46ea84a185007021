"""Requests are slow."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.snapshot import Finding, Snapshot

#: The service level objective of one prediction, in seconds.
OBJECTIVE_S = 0.5


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``PredictionLatency`` when the 95th percentile of the last half hour is beyond the objective."""
    p95 = now.status("serving").get("latency_p95_s")
    if p95 is not None and p95 > OBJECTIVE_S:
        yield Finding(
            "PredictionLatency",
            "serving",
            "warning",
            f"95th percentile {p95:.2f} s, objective {OBJECTIVE_S} s",
        )
