"""Jobs that came to nothing: a night without a model, a model without a release."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.snapshot import Finding, Snapshot


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``JobFailed`` from a retrain that was given up until the next one that ends well."""
    failed = now.status("orchestration").get("failed_job")
    if failed:
        yield Finding("JobFailed", "orchestration", "critical", f"the {failed} came to nothing")
