"""Predictions whose distribution left where history had it: known long before labels are."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.charts import statistics
from reference_pipeline.monitoring.snapshot import Finding, Snapshot


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``PredictionDrift`` when mean or spread of the predictions is out of history's range."""
    for name, value, low, high in now.charts.outside(statistics(now.window), "prediction."):
        kind = name.removeprefix("prediction.")
        yield Finding(
            "PredictionDrift",
            "serving",
            "warning",
            f"{kind} {value:.3f}, history {low:.3f} to {high:.3f}",
            {"statistic": kind},
        )
