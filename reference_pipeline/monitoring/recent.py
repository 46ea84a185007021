"""The predictions of the last hours, kept as arrays, and their labels as they come."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_pipeline.features.definitions import FEATURES, LIVE_VIEWS
from reference_pipeline.monitoring.charts import EMPTY, LABEL_LAG_S, WINDOW_S, Window, window_rows
from reference_pipeline.monitoring.days import day_rows
from reference_pipeline.monitoring.earlier import Asked

_LABELS_KEPT = 20_000
_ROWS_AT_FIRST = 256


class RecentPredictions:
    """Follows serving's log and the features service's labels; `window` cuts out some hours.

    ``prediction_number`` and ``label_number`` are the numbers of the last entries that were taken; predictions are kept
    for ``kept_s`` seconds.
    """

    def __init__(self, kept_s: float = WINDOW_S + LABEL_LAG_S) -> None:
        self._kept_s = kept_s
        self.prediction_number = 0
        self.label_number = 0
        self._at: list[float] = []
        self._flights: list[str] = []
        self._origins: list[str] = []
        self._carriers: list[str] = []
        self._p: list[float] = []
        self._features = _Rows(len(FEATURES))
        self._ages_s = _Rows(len(LIVE_VIEWS))
        self._labels: dict[str, int] = {}

    @property
    def since(self) -> float:
        """When the oldest prediction that is kept was made, in epoch seconds; infinite without one."""
        return self._at[0] if self._at else math.inf

    def begin_with(self, earlier: Sequence[Asked]) -> None:
        """Takes what was asked before the start, oldest first."""
        for asked in earlier:
            self._add(asked.at, asked.flight_id, asked.origin, asked.carrier, asked.p, asked.features, asked.ages_s)
            if asked.late is not None:
                self._labels[asked.flight_id] = asked.late

    def extend(self, predictions: Sequence[Sequence[Any]], labels: Sequence[Sequence[Any]]) -> None:
        """Takes entries of both logs, oldest first."""
        for number, at, flight_id, origin, carrier, _, _, p, features, ages in predictions:
            self.prediction_number = number
            self._add(at, flight_id, origin, carrier, p, features, ages)
        for number, flight_id, late in labels:
            self.label_number = number
            self._labels[flight_id] = late
        self._forget()

    def _add(
        self,
        at: float,
        flight_id: str,
        origin: str,
        carrier: str,
        p: float,
        features: Sequence[float | None],
        ages_s: Mapping[str, float],
    ) -> None:
        self._at.append(at)
        self._flights.append(flight_id)
        self._origins.append(origin)
        self._carriers.append(carrier)
        self._p.append(p)
        self._features.append(features)
        self._ages_s.append([ages_s.get(kind, math.nan) for kind in LIVE_VIEWS])

    def _forget(self) -> None:
        while len(self._labels) > _LABELS_KEPT:
            del self._labels[next(iter(self._labels))]
        gone = bisect_left(self._at, self._at[-1] - self._kept_s) if self._at else 0
        if gone:
            for column in (self._at, self._flights, self._origins, self._carriers, self._p):
                del column[:gone]
            self._features.forget(gone)
            self._ages_s.forget(gone)

    def window(self, until: float, size: int) -> Window:
        """At most ``size`` predictions of the window that ends then, in epoch seconds."""
        return self._cut(window_rows(self._at, until, size))

    def day(self, until: float) -> Window:
        """The predictions of the day that ends then, in epoch seconds."""
        return self._cut(day_rows(self._at, until))

    def _cut(self, rows: slice) -> Window:
        if rows.start == rows.stop:
            return EMPTY
        return Window(
            features=self._features.cut(rows),
            ages_s=self._ages_s.cut(rows),
            p=np.array(self._p[rows]),
            late=np.array([self._labels.get(flight_id, math.nan) for flight_id in self._flights[rows]]),
            origin=np.array(self._origins[rows]),
            carrier=np.array(self._carriers[rows]),
        )


class _Rows:
    """Rows of numbers that come at the end and go at the beginning, one behind the other in one array."""

    def __init__(self, width: int) -> None:
        self._held = np.empty((_ROWS_AT_FIRST, width))
        self._first = self._end = 0

    def append(self, row: Sequence[float | None]) -> None:
        """Adds a row; None is NaN. Raises ``ValueError`` for one of another width."""
        if self._end == len(self._held):
            kept = self.cut(slice(0, self._end - self._first))
            self._held = np.empty((max(_ROWS_AT_FIRST, 2 * len(kept)), self._held.shape[1]))
            self._held[: len(kept)] = kept
            self._first, self._end = 0, len(kept)
        self._held[self._end] = np.array(row, dtype=float).reshape(self._held.shape[1])
        self._end += 1

    def forget(self, rows: int) -> None:
        """Lets go of the oldest rows."""
        self._first += rows

    def cut(self, rows: slice) -> NDArray[np.float64]:
        """A copy of some rows, counted from the oldest that is kept."""
        return self._held[self._first + rows.start : self._first + rows.stop].copy()
