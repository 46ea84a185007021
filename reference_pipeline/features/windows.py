"""Incremental features: a batch of one feed in, the new values of the entities that it touched out.

The same class serves the online store and, replayed over history, the training set: there is no second definition that
could drift away from the first.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from reference_pipeline.features.definitions import VIEWS, as_number

Columns = Mapping[str, Sequence[Any]]
Values = dict[str, float | None]
#: (kind, entity) -> the view's values
Updates = dict[tuple[str, str], Values]

ORIGIN_WINDOW_S = 2 * 3600
ARRIVAL_WINDOW_S = 3 * 3600


class _Window:
    """Sum and count of what happened in the last ``span_s`` seconds."""

    __slots__ = ("_items", "_span_s", "count", "total")

    def __init__(self, span_s: float) -> None:
        self._span_s = span_s
        self._items: deque[tuple[float, float]] = deque()
        self.total = 0.0
        self.count = 0

    def add(self, at: float, value: float) -> None:
        self._items.append((at, value))
        self.total += value
        self.count += 1

    def advance(self, now: float) -> None:
        items, edge = self._items, now - self._span_s
        while items and items[0][0] < edge:
            self.total -= items.popleft()[1]
            self.count -= 1
        if not items:
            self.total = 0.0  # what rounding left

    def mean(self) -> float | None:
        return round(self.total / self.count, 6) if self.count else None


class FeatureEngine:
    """Keeps the windows and tells what changed. ``at`` is when a batch became available, in epoch seconds."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], _Window] = {}
        self._planes: dict[str, Values] = {}

    def update(self, feed: str, columns: Columns, at: float) -> Updates:
        """New values of each entity that the batch touched; an unknown feed touches none."""
        if feed == "flights":
            return self._flights(columns, at)
        if feed == "weather":
            return self._weather(columns)
        if feed == "planes":
            return self._planes_changed(columns)
        return {}

    def _window(self, kind: str, entity: str, span_s: float) -> _Window:
        key = (kind, entity)
        if key not in self._windows:
            self._windows[key] = _Window(span_s)
        return self._windows[key]

    def _flights(self, columns: Columns, at: float) -> Updates:
        size = len(next(iter(columns.values()), ()))
        blank = [None] * size
        fields = ("event", "event_time", "origin", "dest", "carrier", "tailnum", "dep_delay", "arr_delay")
        touched: dict[tuple[str, str], None] = {}
        tails: dict[str, float] = {}
        for event, when, origin, dest, carrier, tail, dep_delay, arr_delay in zip(
            *(columns.get(name, blank) for name in fields), strict=True
        ):
            time = as_number(when)
            if math.isnan(time):
                time = at
            if event == "departed" and origin is not None:
                self._add("origin", origin, ORIGIN_WINDOW_S, time, dep_delay)
                self._add("cancel", origin, ORIGIN_WINDOW_S, time, 0.0)
                touched["origin", origin] = None
            elif event == "cancelled" and origin is not None:
                self._add("cancel", origin, ORIGIN_WINDOW_S, time, 1.0)
                touched["origin", origin] = None
            elif event == "arrived":
                for kind, entity in (("dest", dest), ("carrier", carrier)):
                    if entity is not None:
                        self._add(kind, entity, ARRIVAL_WINDOW_S, time, arr_delay)
                        touched[kind, entity] = None
                if tail:
                    tails[tail] = as_number(arr_delay)
        updates: Updates = {key: self._aggregate(*key, at) for key in touched}
        for tail, delay in tails.items():
            updates["tail", tail] = {"arr_delay": None if math.isnan(delay) else delay}
        return updates

    def _add(self, kind: str, entity: str, span_s: float, time: float, value: Any) -> None:
        number = as_number(value)
        if not math.isnan(number):
            self._window(kind, entity, span_s).add(time, number)

    def _aggregate(self, kind: str, entity: str, at: float) -> Values:
        span = ORIGIN_WINDOW_S if kind == "origin" else ARRIVAL_WINDOW_S
        window = self._window(kind, entity, span)
        window.advance(at)
        if kind == "origin":
            cancelled = self._window("cancel", entity, span)
            cancelled.advance(at)
            return {
                "dep_delay_mean": window.mean(),
                "dep_count": window.count,
                "cancel_share": cancelled.mean(),
            }
        if kind == "dest":
            return {"arr_delay_mean": window.mean(), "arr_count": window.count}
        return {"arr_delay_mean": window.mean()}

    def _weather(self, columns: Columns) -> Updates:
        names = VIEWS["weather"].features
        origins = columns.get("origin", ())
        updates: Updates = {}
        for i, origin in enumerate(origins):
            if origin is not None:
                updates["weather", origin] = {name: _number_at(columns, name, i) for name in names}
        return updates

    def _planes_changed(self, columns: Columns) -> Updates:
        updates: Updates = {}
        for i, tail in enumerate(columns.get("tailnum", ())):
            values: Values = {name: _number_at(columns, name, i) for name in VIEWS["plane"].features}
            if tail is not None and self._planes.get(tail) != values:
                self._planes[tail] = values
                updates["plane", tail] = values
        return updates


def _number_at(columns: Columns, name: str, row: int) -> float | None:
    if name not in columns:
        return None
    number = as_number(columns[name][row])
    return None if math.isnan(number) else number
