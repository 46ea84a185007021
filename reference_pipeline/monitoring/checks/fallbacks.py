"""Predictions are made without the features that they should be made from."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.snapshot import Finding, Snapshot, increase

#: Share of the last half hour's predictions from copies or the simplified model.
FALLBACK_AT_MOST = 0.05


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``FallbackPredictions``, and ``FeatureStoreErrors`` for reads that failed since the last look."""
    status = now.status("serving")
    recent, fallback = status.get("recent", 0), status.get("recent_fallback", 0)
    if recent and fallback > FALLBACK_AT_MOST * recent:
        yield Finding(
            "FallbackPredictions",
            "serving",
            "warning",
            f"{fallback} of the last {recent} predictions used a fallback",
        )
    failed = increase(now, before, "serving", "store_errors")
    if failed:
        yield Finding("FeatureStoreErrors", "store", "critical", f"{failed:.0f} reads of the feature store failed")
