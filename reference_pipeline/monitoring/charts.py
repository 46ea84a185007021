"""Control charts: a window's statistics must lie where fault-free history's windows lay.

No limit is chosen by hand. `calibrate` slides the live monitor's own window over the weeks before the start, scores it
with a model that never saw those weeks, and takes the range of what it saw, widened by a fixed share of that range.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reference_pipeline.data.prepared import TimeTable
from reference_pipeline.features.definitions import FEATURES, LIVE_VIEWS, STORE_FEATURES
from reference_pipeline.training.examples import codes_of, matrix
from reference_pipeline.training.history import write_atomically
from reference_pipeline.training.model import fit

#: A window is the latest so many predictions, none older than so many seconds; with fewer rows it isn't judged.
WINDOW_ROWS = 60
WINDOW_S = 6 * 3600
ROWS_AT_LEAST = 40
#: Quality is judged on predictions that were made this long ago: most of their labels are known by now.
LABEL_LAG_S = 6 * 3600
QUALITY_ROWS = 200
#: How far beyond history's range a statistic may go, as a share of that range.
MARGIN = 0.5
#: Weeks of history: they set the limits of the features; the first half trains the judge's model, and the second half
#: sets the limits of what it predicts.
CALIBRATION_WEEKS = 8
_STEP_S = 3600
_AGES = tuple(f"age.{kind}" for kind in LIVE_VIEWS)


@dataclass(frozen=True, slots=True)
class Window:
    """Predictions of some hours, by row: features (in the order of `FEATURES`), ages of the live views in seconds,
    ``p``, ``late`` (NaN while the label is unknown) and ``origin``."""

    features: NDArray[np.float64]
    ages_s: NDArray[np.float64]
    p: NDArray[np.float64]
    late: NDArray[np.float64]
    origin: NDArray[np.str_]

    def rows(self, chosen: slice | NDArray[np.bool_]) -> Window:
        """A part of the window."""
        return Window(
            self.features[chosen], self.ages_s[chosen], self.p[chosen], self.late[chosen], self.origin[chosen]
        )


EMPTY = Window(
    np.empty((0, len(FEATURES))),
    np.empty((0, len(LIVE_VIEWS))),
    np.empty(0),
    np.empty(0),
    np.empty(0, dtype="U3"),
)


@dataclass(frozen=True, slots=True)
class Charts:
    """Limits by statistic: (lowest, highest) that history's windows had, with a margin."""

    limits: Mapping[str, tuple[float, float]]

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


def calibrate(history: pa.Table, library: ModuleType) -> Charts:
    """Limits from fault-free examples (sorted by time), as a live monitor would have seen them."""
    history = history.sort_by("t_pred")
    moments = history["t_pred"].to_numpy()
    middle = float(moments.min() + moments.max()) / 2
    past = history.filter(pa.array(moments < middle))
    codes = codes_of(past)
    model = fit(library, matrix(past, codes), past["late"].to_numpy().astype(float), codes)
    rows = matrix(history, codes)
    whole = Window(
        features=rows,
        ages_s=np.column_stack([history[name].to_numpy() for name in _AGES]),
        p=model.predict(rows),
        late=history["late"].to_numpy().astype(float),
        origin=np.asarray(history["origin"].to_pylist()),
    )
    return Charts(_ranges(whole, moments, history["known_at"].to_numpy(), middle))


def _ranges(
    whole: Window, moments: NDArray[np.float64], known_at: NDArray[np.int64], middle: float
) -> dict[str, tuple[float, float]]:
    """Limits by statistic; what the model predicts counts from the middle on, as it has seen the rows before that."""
    seen: dict[str, list[float]] = {}
    for now in np.arange(moments[0] + WINDOW_S + LABEL_LAG_S, moments[-1], _STEP_S):
        found = statistics(whole.rows(window_rows(moments, now, WINDOW_ROWS)))
        if now >= middle + WINDOW_S + LABEL_LAG_S:
            older = window_rows(moments, now - LABEL_LAG_S, QUALITY_ROWS)
            found |= quality(whole.rows(older).rows(known_at[older] <= now))
        else:
            found = {name: value for name, value in found.items() if not name.startswith("prediction.")}
        for name, value in found.items():
            seen.setdefault(name, []).append(value)
    return {name: _widened(min(values), max(values)) for name, values in seen.items()}


def _widened(low: float, high: float) -> tuple[float, float]:
    margin = MARGIN * (high - low)
    return round(low - margin, 6), round(high + margin, 6)


def load_charts(examples: TimeTable, start: float, library: ModuleType) -> Charts:
    """Charts from the weeks before ``start`` (epoch seconds), cached beside the examples."""
    code = hashlib.blake2b(Path(__file__).read_bytes(), digest_size=4).hexdigest()
    path = examples.path.with_name(f"charts-{examples.path.stem[-12:]}-{start:.0f}-{code}.json")
    if not path.exists():
        charts = calibrate(examples.slice(start - CALIBRATION_WEEKS * 7 * 86400, start), library)
        write_atomically(path, json.dumps(charts.limits, sort_keys=True))
    return Charts({name: (low, high) for name, (low, high) in json.loads(path.read_text()).items()})
