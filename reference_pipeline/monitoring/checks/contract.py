"""Data that breaks its contract, as ingestion saw it."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.snapshot import Finding, Snapshot


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``DataContract`` for each kind of violation (schema, nulls, range, volume, shift ...) that a feed grew since the last look."""
    for feed, state in now.status("ingestion").get("feeds", {}).items():
        earlier = before.status("ingestion").get("feeds", {}).get(feed) if before else None
        if earlier is None:
            continue
        for kind, count in state.get("violations", {}).items():
            grown = count - earlier.get("violations", {}).get(kind, 0)
            if grown > 0:
                yield Finding(
                    "DataContract",
                    feed,
                    "critical",
                    f"{feed}: {_latest(state, kind)}",
                    {"feed": feed, "violation": kind},
                )


def _latest(state: dict[str, object], kind: str) -> str:
    violations = state.get("last_violations")
    for violation in reversed(violations if isinstance(violations, list) else []):
        if violation.get("kind") == kind:
            return f"{kind} of {violation.get('column') or 'the batch'}: {violation.get('detail')}"
    return kind
