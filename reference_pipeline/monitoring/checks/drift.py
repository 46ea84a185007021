"""Features whose distribution left where history had it."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.charts import statistics
from reference_pipeline.monitoring.snapshot import Finding, Snapshot


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``FeatureDrift`` for a mean, ``FeatureMissing`` for a share of missing values, out of history's range."""
    found = statistics(now.window)
    for name, value, low, high in now.charts.outside(found, "mean."):
        feature = name.removeprefix("mean.")
        yield Finding(
            "FeatureDrift",
            "features",
            "warning",
            f"{feature}: mean {value:.4g}, history {low:.4g} to {high:.4g}",
            {"feature": feature, "view": feature.split(".")[0]},
        )
    for name, value, _, high in now.charts.outside(found, "missing."):
        if value > high:
            feature = name.removeprefix("missing.")
            yield Finding(
                "FeatureMissing",
                "features",
                "warning",
                f"{feature}: {value:.0%} missing, history at most {high:.0%}",
                {"feature": feature, "view": feature.split(".")[0]},
            )
