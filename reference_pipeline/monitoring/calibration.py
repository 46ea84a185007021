"""The limits of the control charts, from fault-free history.

`calibrate` slides the live monitor's own windows over the weeks before the start, scores them with a model that never
saw those weeks, and takes the range of what it saw, widened by a fixed share of that range.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reference_pipeline.data.prepared import TimeTable
from reference_pipeline.features.definitions import LIVE_VIEWS
from reference_pipeline.monitoring import charts, days
from reference_pipeline.monitoring.charts import (
    LABEL_LAG_S,
    QUALITY_ROWS,
    WINDOW_ROWS,
    WINDOW_S,
    Charts,
    Window,
    quality,
    statistics,
    window_rows,
)
from reference_pipeline.monitoring.days import DAY_S, day_outcomes, day_rows, day_statistics, shifts
from reference_pipeline.training.examples import codes_of, matrix
from reference_pipeline.training.history import write_atomically
from reference_pipeline.training.model import fit

#: How far beyond history's range a statistic may go, as a share of that range.
MARGIN = 0.5
#: A share of missing values may always exceed history by this much.
SHARE_MARGIN_MIN = 0.03
#: Weeks of history: they set the limits of the features; the first half trains the judge's model, and the second half
#: sets the limits of what it predicts.
CALIBRATION_WEEKS = 8
_STEP_S = 3600
_AGES = tuple(f"age.{kind}" for kind in LIVE_VIEWS)
#: The chart of how far two models of successive nights are apart in a segment.
SHADOW = "shadow.shift"

Seen = dict[str, list[float]]


def load_charts(examples: TimeTable, start: float, library: ModuleType) -> Charts:
    """Charts from the weeks before ``start`` (epoch seconds), cached beside the examples."""
    digest = hashlib.blake2b(digest_size=4)
    for module in (__file__, charts.__file__, days.__file__):
        digest.update(Path(str(module)).read_bytes())
    path = examples.path.with_name(f"charts-{examples.path.stem[-12:]}-{start:.0f}-{digest.hexdigest()}.json")
    if not path.exists():
        found = calibrate(examples.slice(start - CALIBRATION_WEEKS * 7 * 86400, start), library)
        write_atomically(path, json.dumps(found.limits, sort_keys=True))
    return Charts({name: (low, high) for name, (low, high) in json.loads(path.read_text()).items()})


def calibrate(history: pa.Table, library: ModuleType) -> Charts:
    """Limits from fault-free examples, as a live monitor would have seen them."""
    history = history.sort_by("t_pred")
    moments = history["t_pred"].to_numpy()
    middle = float(moments.min() + moments.max()) / 2
    p, before = (_predictions(history, moments < until, library) for until in (middle, middle - DAY_S))
    whole = Window(
        features=matrix(history, codes_of(history)),
        ages_s=np.column_stack([history[name].to_numpy() for name in _AGES]),
        p=p,
        late=history["late"].to_numpy().astype(float),
        origin=np.asarray(history["origin"].to_pylist()),
        carrier=np.asarray(history["carrier"].to_pylist()),
    )
    seen: Seen = {}
    _see_hours(seen, whole, moments, history["known_at"].to_numpy(), middle)
    _see_days(seen, whole, moments, before, middle)
    return Charts({name: _widened(name, min(values), max(values)) for name, values in seen.items()})


def _predictions(history: pa.Table, known: NDArray[np.bool_], library: ModuleType) -> NDArray[np.float64]:
    """What a model that was trained on the marked rows says of all."""
    past = history.filter(pa.array(known))
    codes = codes_of(past)
    model = fit(library, matrix(past, codes), past["late"].to_numpy().astype(float), codes)
    return model.predict(matrix(history, codes))


def _see_hours(
    seen: Seen, whole: Window, moments: NDArray[np.float64], known_at: NDArray[np.int64], middle: float
) -> None:
    """Windows of hours; what the model predicts counts from the middle on, as it has seen the rows before that."""
    for now in np.arange(moments[0] + WINDOW_S + LABEL_LAG_S, moments[-1], _STEP_S):
        found = statistics(whole.rows(window_rows(moments, now, WINDOW_ROWS)))
        if now >= middle + WINDOW_S + LABEL_LAG_S:
            older = window_rows(moments, now - LABEL_LAG_S, QUALITY_ROWS)
            found |= quality(whole.rows(older).rows(known_at[older] <= now))
        else:
            found = {name: value for name, value in found.items() if not name.startswith("prediction.")}
        _add(seen, found)


def _see_days(
    seen: Seen, whole: Window, moments: NDArray[np.float64], before: NDArray[np.float64], middle: float
) -> None:
    """Windows of a day, one after the other, and how far two models a night apart are from each other."""
    for now in np.arange(moments[0] + DAY_S, moments[-1], _STEP_S):
        rows = day_rows(moments, now)
        day = whole.rows(rows)
        _add(seen, day_statistics(day))
        if now >= middle + DAY_S:
            _add(seen, day_outcomes(day))
            for shift in shifts(before[rows], day.p, day).values():
                _add(seen, {SHADOW: shift})


def _add(seen: Seen, found: dict[str, float]) -> None:
    for name, value in found.items():
        seen.setdefault(name, []).append(value)


def _widened(name: str, low: float, high: float) -> tuple[float, float]:
    margin = max(MARGIN * (high - low), SHARE_MARGIN_MIN if "missing." in name else 0.0)
    return round(low - margin, 6), round(high + margin, 6)
