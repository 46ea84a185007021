"""Dependencies that are not the ones of the lock file."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.snapshot import Finding, Snapshot


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``LibraryChanged`` for each service that refused, or could not load, a library since it was started."""
    for service in ("training", "serving"):
        refused = now.status(service).get("refused_libraries")
        if refused:
            summary = f"{service}: {'; '.join(refused)}"
            yield Finding("LibraryChanged", service, "critical", summary)
