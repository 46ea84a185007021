"""Incremental features: a batch of one feed in, the new values of the entities that it touched out.

The same class serves the online store and, replayed over history, the training set: there is no second definition that
could drift away from the first.

Rows are taken as they come. A missing column counts as empty, a value that is no number as missing, and a row without
its entity says nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reference_pipeline.features.definitions import VIEWS, as_number

Columns = Mapping[str, Sequence[Any]]
Values = dict[str, float | None]
#: (kind, entity) -> the view's values, in the order of its features
Updates = dict[tuple[str, str], Values]

ORIGIN_WINDOW_S = 2 * 3600
ARRIVAL_WINDOW_S = 3 * 3600

_FLIGHT_FIELDS = ("event", "origin", "dest", "carrier", "tailnum", "dep_delay", "arr_delay")


class _Window:
    """What happened in the last ``span_s`` seconds, sorted by time: a late row takes its place, and leaves in its turn.

    The mean is computed from the values, not from a running sum: one absurd value would leave its rounding error in a
    sum for ever.
    """

    __slots__ = ("_span_s", "_times", "_values")

    def __init__(self, span_s: float) -> None:
        self._span_s = span_s
        self._times: list[float] = []
        self._values: list[float] = []

    def __len__(self) -> int:
        return len(self._values)

    def add(self, at: float, value: float) -> None:
        place = bisect_right(self._times, at)
        self._times.insert(place, at)
        self._values.insert(place, value)

    def advance(self, now: float) -> None:
        """Forgets what is older than the span."""
        gone = bisect_left(self._times, now - self._span_s)
        if gone:
            del self._times[:gone], self._values[:gone]

    def mean(self) -> float | None:
        if not self._values:
            return None
        try:
            return round(math.fsum(self._values) / len(self._values), 6)
        except OverflowError:  # absurd values whose sum no float can hold
            return None


class FeatureEngine:
    """Keeps the windows and tells what changed. ``through`` is the end of what a batch covers, in epoch seconds.

    Windows end there, not when the batch came: catching up gives the same values as never having fallen behind. An
    event can't have happened after the end of its batch: a later time, or none, counts as the end. A view that holds
    the newest observation of its entity (weather, the aircraft's last delay) ignores older ones that come late.
    """

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], _Window] = {}
        self._observed_at: dict[tuple[str, str], float] = {}
        self._flights_through = -math.inf

    def forget(self, feed: str) -> None:
        """As if no batch of the feed had ever come."""
        if feed == "flights":
            self._windows.clear()
            self._flights_through = -math.inf
        ours = ("weather",) if feed == "weather" else ("tail",)
        self._observed_at = {key: at for key, at in self._observed_at.items() if key[0] not in ours}

    def update(self, feed: str, columns: Columns, through: float) -> Updates:
        """New values of each entity that the batch touched; an unknown feed touches none."""
        if feed == "flights":
            self._flights_through = max(self._flights_through, through)  # a late batch doesn't turn time back
            return self._flights(columns, self._flights_through)
        if feed == "weather":
            return self._weather(columns, through)
        if feed == "planes":
            return _planes(columns)
        return {}

    def _flights(self, columns: Columns, at: float) -> Updates:
        touched: dict[tuple[str, str], None] = {}
        updates: Updates = {}
        rows = zip(_times(columns, "event_time", at), *(_column(columns, name) for name in _FLIGHT_FIELDS), strict=True)
        for time, event, origin, dest, carrier, tail, dep_delay, arr_delay in rows:
            if event == "departed":
                touched |= self._count("origin", origin, time, dep_delay)
                self._count("cancel", origin, time, 0.0)
            elif event == "cancelled":
                touched |= self._count("origin", origin, time, None)
                self._count("cancel", origin, time, 1.0)
            elif event == "arrived":
                touched |= self._count("dest", dest, time, arr_delay)
                touched |= self._count("carrier", carrier, time, arr_delay)
                key = "tail", entity_name(tail)
                if key[1] and self._is_newest(key, time):
                    updates[key] = {"arr_delay": _or_none(arr_delay)}
        return {key: self._aggregate(*key, at) for key in touched} | updates

    def _count(self, kind: str, entity: Any, time: float, value: Any) -> dict[tuple[str, str], None]:
        """Puts a value that is a number into the entity's window; the entity that was touched."""
        key = kind, entity_name(entity)
        if not key[1]:
            return {}
        number = as_number(value)
        if not math.isnan(number):
            self._window(*key).add(time, number)
        return {key: None}

    def _window(self, kind: str, entity: str) -> _Window:
        window = self._windows.get((kind, entity))
        if window is None:
            span_s = ORIGIN_WINDOW_S if kind in ("origin", "cancel") else ARRIVAL_WINDOW_S
            window = self._windows[kind, entity] = _Window(span_s)
        return window

    def _aggregate(self, kind: str, entity: str, at: float) -> Values:
        window = self._window(kind, entity)
        window.advance(at)
        if kind == "origin":
            cancelled = self._window("cancel", entity)
            cancelled.advance(at)
            return {"dep_delay_mean": window.mean(), "dep_count": len(window), "cancel_share": cancelled.mean()}
        if kind == "dest":
            return {"arr_delay_mean": window.mean(), "arr_count": len(window)}
        return {"arr_delay_mean": window.mean()}

    def _is_newest(self, key: tuple[str, str], time: float) -> bool:
        """Whether nothing later has been seen of the entity; remembers the time if so."""
        if time < self._observed_at.get(key, -math.inf):
            return False
        self._observed_at[key] = time
        return True

    def _weather(self, columns: Columns, at: float) -> Updates:
        times = _times(columns, "observed_at", at)
        return {
            key: values
            for time, (key, values) in zip(times, _rows("weather", columns, "origin"), strict=True)
            if key[1] and self._is_newest(key, time)
        }


def entity_name(value: Any) -> str:
    """The name of an entity as text; empty for none.

    >>> entity_name("JFK"), entity_name(None), entity_name(7)
    ('JFK', '', '7')
    """
    return "" if value is None else str(value)


def _planes(columns: Columns) -> Updates:
    """The whole register, every day: a store that lost it has it back within a day."""
    return {key: values for key, values in _rows("plane", columns, "tailnum") if key[1]}


def _rows(kind: str, columns: Columns, entity: str) -> Iterator[tuple[tuple[str, str], Values]]:
    """Each row as the view's values."""
    names = VIEWS[kind].features
    for name, *values in zip(_column(columns, entity), *(_column(columns, name) for name in names), strict=True):
        yield (kind, entity_name(name)), dict(zip(names, map(_or_none, values), strict=True))


def _column(columns: Columns, name: str) -> Sequence[Any]:
    """A column, or as many nulls as there are rows."""
    found = columns.get(name)
    return [None] * len(next(iter(columns.values()), ())) if found is None else found


def _times(columns: Columns, name: str, at: float) -> list[float]:
    """When each row's event happened."""
    read = map(as_number, _column(columns, name))
    return [at if math.isnan(time) else min(time, at) for time in read]


def _or_none(value: Any) -> float | None:
    number = as_number(value)
    return None if math.isnan(number) else number
