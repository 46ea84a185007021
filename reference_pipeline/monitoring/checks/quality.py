"""Predictions that turned out wrong, once their labels came."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.charts import quality
from reference_pipeline.monitoring.snapshot import Finding, Snapshot


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``ModelQuality`` when the Brier score, overall or of an origin, is worse than history's windows ever were."""
    for name, value, _, high in now.charts.outside(quality(now.labelled), "brier"):
        if value > high:
            segment = name.partition(".")[2] or "all"
            yield Finding(
                "ModelQuality",
                "model",
                "critical",
                f"{segment}: Brier {value:.3f}, history at most {high:.3f}",
                {"segment": segment},
            )
