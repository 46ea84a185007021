"""What a profile's experiments add up to, one metric a file, graded by the source document's columns.

A new metric is a new module here with a `METRIC`; nothing else has to know of it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from harness.scoring.metrics._metric import P95_LEAST, Columns, Measured, Metric, Pool, evaluate

__all__ = ["P95_LEAST", "Columns", "Measured", "Metric", "Pool", "all_metrics", "evaluate"]


@cache
def all_metrics() -> tuple[Metric, ...]:
    """Every metric, by rank and name.

    >>> [metric.name for metric in all_metrics()][:2]
    ['mttd', 'false_alarm_rate']
    """
    names = sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
    found: list[Metric] = [import_module(f"{__name__}.{name}").METRIC for name in names]
    return tuple(sorted(found, key=lambda metric: (metric.rank, metric.name)))
