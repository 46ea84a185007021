"""Control charts: a window's statistics must lie where fault-free history's windows lay.

No limit is chosen by hand: `reference_pipeline.monitoring.calibration` takes them from the weeks before the start.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reference_pipeline.features.definitions import FEATURES, LIVE_VIEWS, STORE_FEATURES

#: A window is the latest so many predictions, none older than so many seconds; with fewer rows it isn't judged.
WINDOW_ROWS = 60
WINDOW_S = 6 * 3600
ROWS_AT_LEAST = 40
#: Quality is judged on predictions that were made this long ago: most of their labels are known by now.
LABEL_LAG_S = 6 * 3600
QUALITY_ROWS = 200
_AGES = tuple(f"age.{kind}" for kind in LIVE_VIEWS)


@dataclass(frozen=True, slots=True)
class Window:
    """Predictions of some hours, by row: features (in the order of `FEATURES`), ages of the live views in seconds,
    ``p``, ``late`` (NaN while the label is unknown), ``origin`` and ``carrier``."""

    features: NDArray[np.float64]
    ages_s: NDArray[np.float64]
    p: NDArray[np.float64]
    late: NDArray[np.float64]
    origin: NDArray[np.str_]
    carrier: NDArray[np.str_]

    def rows(self, chosen: slice | NDArray[np.bool_]) -> Window:
        """A part of the window."""
        return Window(
            self.features[chosen],
            self.ages_s[chosen],
            self.p[chosen],
            self.late[chosen],
            self.origin[chosen],
            self.carrier[chosen],
        )


EMPTY = Window(
    np.empty((0, len(FEATURES))),
    np.empty((0, len(LIVE_VIEWS))),
    np.empty(0),
    np.empty(0),
    np.empty(0, dtype="U3"),
    np.empty(0, dtype="U2"),
)


@dataclass(frozen=True, slots=True)
class Charts:
    """Limits by statistic: (lowest, highest) that history's windows had, with a margin."""

    limits: Mapping[str, tuple[float, float]]

    def aged(self, by_s: float) -> Charts:
        """The charts of a deployment whose data comes so much later."""
        limits = {name: (low, high + by_s * name.startswith("age.")) for name, (low, high) in self.limits.items()}
        return Charts(limits)

    def outside(self, statistics: Mapping[str, float], prefix: str) -> list[tuple[str, float, float, float]]:
        """(statistic, value, lowest, highest) of the statistics under a prefix that are out of bounds."""
        found = []
        for name, value in statistics.items():
            low, high = self.limits.get(name, (-np.inf, np.inf))
            if name.startswith(prefix) and not low <= value <= high:
                found.append((name, value, low, high))
        return found


def window_rows(moments: Sequence[float] | NDArray[np.float64], until: float, rows: int) -> slice:
    """The rows of the window that ends then, among rows sorted by their moments (epoch seconds)."""
    high = bisect_left(moments, until)
    return slice(max(bisect_left(moments, until - WINDOW_S), high - rows), high)


def statistics(window: Window) -> dict[str, float]:
    """The charted statistics of a window; one with too few rows is left out.

    ``mean.<feature>``, ``missing.<feature>``, ``age.<view>`` (mean, in seconds), ``prediction.mean`` and
    ``prediction.spread``.
    """
    found: dict[str, float] = {}
    if len(window.p) < ROWS_AT_LEAST:
        return found
    first = len(FEATURES) - len(STORE_FEATURES)
    for name, column in zip(STORE_FEATURES, window.features.T[first:], strict=True):
        present = column[~np.isnan(column)]
        found[f"missing.{name}"] = 1.0 - len(present) / len(column)
        if len(present) >= ROWS_AT_LEAST:
            found[f"mean.{name}"] = float(present.mean())
    for name, column in zip(_AGES, window.ages_s.T, strict=True):
        present = column[~np.isnan(column)]
        if len(present):
            found[name] = float(present.mean())
    found["prediction.mean"] = float(window.p.mean())
    found["prediction.spread"] = float(window.p.std())
    return found


def quality(window: Window) -> dict[str, float]:
    """``brier`` and ``brier.<origin>``: mean squared error of the rows whose label is known, where there are enough."""
    labelled = window.rows(~np.isnan(window.late))
    errors = (labelled.p - labelled.late) ** 2
    found: dict[str, float] = {}
    if len(errors) >= ROWS_AT_LEAST:
        found["brier"] = float(errors.mean())
    for origin in np.unique(labelled.origin):
        of_origin = errors[labelled.origin == origin]
        if len(of_origin) >= ROWS_AT_LEAST:
            found[f"brier.{origin}"] = float(of_origin.mean())
    return found
