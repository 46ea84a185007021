"""A service doesn't answer, or had to be started again."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.snapshot import Finding, Snapshot

_YOUNG_S = 3600


def serving(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``ServiceDown`` and ``ServiceRestarted`` for serving, which is looked at most often."""
    if "serving" in now.statuses and now.statuses["serving"] is None:
        yield _down("serving")
    yield from _restarted("serving", now, before)


def others(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``ServiceDown`` for another service that gave no status, ``ServiceRestarted`` for one that is a new process."""
    for service, status in now.statuses.items():
        if service == "serving":
            continue
        if status is None:
            yield _down(service)
        yield from _restarted(service, now, before)


def _restarted(service: str, now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """It is another process than at the last look, or one that is young after a look that found none."""
    started_at = now.status(service).get("started_at")
    if before is None or started_at is None or service not in before.statuses:
        return
    earlier = before.status(service).get("started_at")
    if started_at - earlier > 0 if earlier is not None else now.at - started_at < _YOUNG_S:
        minutes_ago = (now.at - started_at) / 60
        yield Finding("ServiceRestarted", service, "warning", f"{service} was started {minutes_ago:.0f} min ago")


def _down(service: str) -> Finding:
    return Finding("ServiceDown", service, "critical", f"{service} does not answer")
