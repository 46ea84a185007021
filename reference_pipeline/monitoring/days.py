"""Statistics of whole days: what moves too slowly, or concerns too few, for a window of some hours to show.

A day has every hour in it, so that its means vary much less than those of an hour and a half, and a small lasting shift
leaves history's range. Segments that are too small for an hour have enough requests in a day.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from reference_pipeline.features.definitions import FEATURES, STORE_FEATURES
from reference_pipeline.monitoring.charts import Window

DAY_S = 24 * 3600
#: A day is judged from so many predictions on, a segment of it from so many labelled ones.
ROWS_AT_LEAST = 200
SEGMENT_ROWS_AT_LEAST = 40
#: Travellers are warned from this probability on. A warning that was right is worth 1, one that was not costs this.
WARN_FROM = 0.3
FALSE_WARNING = 0.3


def day_rows(moments: Sequence[float] | NDArray[np.float64], until: float) -> slice:
    """The rows of the day that ends then, among rows sorted by their moments (epoch seconds)."""
    return slice(bisect_left(moments, until - DAY_S), bisect_left(moments, until))


def day_statistics(window: Window) -> dict[str, float]:
    """``day.mean.<feature>`` and ``day.missing.<feature>`` of a day's predictions."""
    if len(window.p) < ROWS_AT_LEAST:
        return {}
    found: dict[str, float] = {}
    first = len(FEATURES) - len(STORE_FEATURES)
    for name, column in zip(STORE_FEATURES, window.features.T[first:], strict=True):
        present = column[~np.isnan(column)]
        found[f"day.missing.{name}"] = 1.0 - len(present) / len(column)
        if len(present) >= ROWS_AT_LEAST / 2:
            found[f"day.mean.{name}"] = float(present.mean())
    return found


def day_outcomes(window: Window) -> dict[str, float]:
    """``day.bias.<segment>`` (mean of prediction minus outcome) and ``day.value``, where the outcomes are known.

    The value of a day is what its warnings were worth, of what they could have been worth at most.
    """
    labelled = window.rows(~np.isnan(window.late))
    found: dict[str, float] = {}
    for kind, names in (("origin", labelled.origin), ("carrier", labelled.carrier)):
        for name, error in _by_name(names, labelled.p - labelled.late):
            found[f"day.bias.{kind} {name}"] = error
    if len(labelled.p) >= ROWS_AT_LEAST:
        found["day.value"] = value_of(labelled.p, labelled.late)
    return found


def value_of(p: NDArray[np.float64], late: NDArray[np.float64]) -> float:
    """What warnings were worth, as a share of what perfect ones would have been.

    >>> value_of(np.array([0.9, 0.9, 0.1]), np.array([1.0, 0.0, 1.0]))
    0.35
    """
    warned = p >= WARN_FROM
    worth = float((warned * (late - FALSE_WARNING * (1 - late))).sum())
    return worth / max(float(late.sum()), 1.0)


def shifts(before: NDArray[np.float64], after: NDArray[np.float64], window: Window) -> dict[str, float]:
    """By segment, how far the mean of the predictions moves from one model to another."""
    return {
        f"{kind} {name}": shift
        for kind, names in (("origin", window.origin), ("carrier", window.carrier))
        for name, shift in _by_name(names, after - before)
    }


def _by_name(names: NDArray[np.str_], values: NDArray[np.float64]) -> Iterator[tuple[str, float]]:
    """The mean of each name that occurs often enough."""
    for name in np.unique(names).tolist():
        chosen = values[names == name]
        if len(chosen) >= SEGMENT_ROWS_AT_LEAST:
            yield name, float(chosen.mean())
