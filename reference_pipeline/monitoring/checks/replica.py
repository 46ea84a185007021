"""The first feature store fails or is behind, and the second one stands in."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.snapshot import Finding, Snapshot, increase


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``StoreFailover`` when features were read from the second store, or the first one could not be written."""
    reads = increase(now, before, "serving", "store_failovers")
    writes = increase(now, before, "features", "replica_errors")
    if reads or writes:
        summary = f"{reads:.0f} reads went to the second feature store, {writes:.0f} writes missed the first one"
        yield Finding("StoreFailover", "store", "critical", summary)
