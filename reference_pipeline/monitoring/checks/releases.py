"""A release that was held back."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.snapshot import Finding, Snapshot


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``ReleaseRejected`` from a candidate that the shadow found apart until one that it didn't."""
    rejected = now.status("orchestration").get("rejected")
    if rejected:
        yield Finding("ReleaseRejected", "training", "critical", f"the newest model was held back: {rejected}")
