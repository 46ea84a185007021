"""A model that should have been replaced."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.snapshot import Finding, Snapshot

#: A nightly retrain with its canary, and two hours of grace.
LIMIT_S = 28 * 3600


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``ModelStale`` when the production model is older than a nightly retrain allows."""
    age = now.status("serving").get("model_age_s")
    if age is not None and age > LIMIT_S:
        yield Finding("ModelStale", "model", "critical", f"the model in production is {age / 3600:.0f} h old")
