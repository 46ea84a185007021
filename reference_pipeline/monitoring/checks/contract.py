"""Data that breaks its contract, as ingestion saw it."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.snapshot import Finding, Severity, Snapshot


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``DataContract`` for each kind of violation (schema, nulls, range, volume ...) in the newest batch of a feed."""
    for feed, state in now.status("ingestion").get("feeds", {}).items():
        for kind, violation in state.get("open_violations", {}).items():
            severity: Severity = "critical" if violation["severity"] == "error" else "warning"
            where = violation["column"] or "the batch"
            yield Finding(
                "DataContract",
                feed,
                severity,
                f"{feed}: {kind} of {where}: {violation['detail']}",
                {"feed": feed, "violation": kind},
            )
