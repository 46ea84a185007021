"""Features whose distribution left where history had it."""

from __future__ import annotations

from collections.abc import Iterator

from reference_pipeline.monitoring.charts import statistics
from reference_pipeline.monitoring.snapshot import Finding, Snapshot


def check(now: Snapshot, before: Snapshot | None) -> Iterator[Finding]:
    """``FeatureDrift`` (means) and ``FeatureMissing`` (shares of missing values) out of history's range; one a view."""
    found = statistics(now.window)
    drifted: dict[str, list[str]] = {}
    for name, value, low, high in now.charts.outside(found, "mean."):
        view, _, feature = name.removeprefix("mean.").partition(".")
        drifted.setdefault(view, []).append(f"{feature}: mean {value:.4g}, history {low:.4g} to {high:.4g}")
    missing: dict[str, list[str]] = {}
    for name, value, _, high in now.charts.outside(found, "missing."):
        view, _, feature = name.removeprefix("missing.").partition(".")
        if value > high:
            missing.setdefault(view, []).append(f"{feature}: {value:.0%} missing, history at most {high:.0%}")
    for alert, views in (("FeatureDrift", drifted), ("FeatureMissing", missing)):
        for view, details in views.items():
            yield Finding(alert, "features", "warning", f"{view}: {'; '.join(details)}", {"view": view})
