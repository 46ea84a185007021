"""A service doesn't answer."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.snapshot import Finding, Snapshot


def serving(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``ServiceDown`` for serving, which is looked at most often."""
    if "serving" in now.statuses and now.statuses["serving"] is None:
        yield _down("serving")


def others(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``ServiceDown`` for each other service that gave no status."""
    for service, status in now.statuses.items():
        if status is None and service != "serving":
            yield _down(service)


def _down(service: str) -> Finding:
    return Finding("ServiceDown", service, "critical", f"{service} does not answer")
