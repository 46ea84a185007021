"""The predictions of the last hours, kept as arrays, and their labels as they come."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference_pipeline.features.definitions import LIVE_VIEWS
from reference_pipeline.monitoring.charts import EMPTY, LABEL_LAG_S, WINDOW_S, Window, window_rows
from reference_pipeline.monitoring.days import day_rows
from reference_pipeline.monitoring.earlier import Asked

_LABELS_KEPT = 20_000


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
        self._features: list[NDArray[np.float64]] = []
        self._ages_s: list[NDArray[np.float64]] = []
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
        self._features.append(np.array(features, dtype=float))
        self._ages_s.append(np.array([ages_s.get(kind, math.nan) for kind in LIVE_VIEWS]))

    def _forget(self) -> None:
        while len(self._labels) > _LABELS_KEPT:
            del self._labels[next(iter(self._labels))]
        gone = bisect_left(self._at, self._at[-1] - self._kept_s) if self._at else 0
        if gone:
            columns = (self._at, self._flights, self._origins, self._carriers, self._p, self._features, self._ages_s)
            for column in columns:
                del column[:gone]

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
            features=np.stack(self._features[rows]),
            ages_s=np.stack(self._ages_s[rows]),
            p=np.array(self._p[rows]),
            late=np.array([self._labels.get(flight_id, math.nan) for flight_id in self._flights[rows]]),
            origin=np.array(self._origins[rows]),
            carrier=np.array(self._carriers[rows]),
        )
