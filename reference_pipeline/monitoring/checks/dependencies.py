"""What a service needs of others."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.snapshot import Finding, Snapshot, increase


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``SourceUnreachable``, ``RegistryUnreachable``, ``ArtifactRejected``, ``FeatureWritesFailing``, as of now."""
    serving = now.status("serving")
    if serving.get("registry_ok") is False:
        yield Finding("RegistryUnreachable", "registry", "warning", f"serving: {serving.get('last_error')}")
    if increase(now, before, "serving", "rejected_artifacts"):
        yield Finding(
            "ArtifactRejected",
            "registry",
            "critical",
            f"serving refused a model: {serving.get('last_refusal')}",
        )
    failed = increase(now, before, "features", "store_errors")
    if failed:
        yield Finding("FeatureWritesFailing", "store", "critical", f"{failed:.0f} writes to the feature store failed")
    feeds = now.status("ingestion").get("feeds", {})
    known = before.status("ingestion").get("feeds", {}) if before else {}
    for feed, state in feeds.items():
        if feed in known and state.get("poll_errors", 0) > known[feed].get("poll_errors", 0):
            yield Finding("SourceUnreachable", feed, "warning", f"polls of {feed} fail", {"feed": feed})
