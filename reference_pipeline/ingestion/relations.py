"""What ties the values of a feed together: learnt from history, and held against its latest rows.

Each value can be possible, and its distribution usual, while it no longer means what it did. What gives that away is
how values go together: a route has one distance and takes about as long as ever, a flight that leaves late arrives
late, neighbouring stations have the same weather, and the same reading hardly comes twice. Limits come about as all
others do: the range of history's windows, widened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reference_pipeline.ingestion.contract import Columns, Contract
from reference_pipeline.ingestion.statistics import Recent

Floats = npt.NDArray[np.float64]
Limits = tuple[float, float]
#: What history says is constant: by relation, by entity.
Constants = Mapping[str, Mapping[str, float]]
#: (column that is off, name of the statistic, its value)
Measure = tuple[str, str, float]

#: A segment's mean says something from so many rows on.
SEGMENT_ROWS_MIN = 20
#: The least room that a share and a mean residual get beyond history, the latter as a share of what history spans.
SHARE_MARGIN_MIN = 0.05
RESIDUAL_MARGIN = 0.5
_STATION_COLUMNS = ("temp", "dewp", "humid", "wind_speed", "pressure", "visib")
_READING = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "pressure")


@dataclass(frozen=True, slots=True)
class Relations:
    """``constants`` and, by "column: statistic", the limits of what is measured against them."""

    constants: Constants
    limits: Mapping[str, Limits]


NONE = Relations({}, {})


def relations_of(raw: Mapping[str, Any]) -> Relations:
    """From JSON."""
    return Relations(raw["constants"], {name: (low, high) for name, (low, high) in raw["limits"].items()})


def learn_relations(
    contract: Contract, recents: Sequence[Recent], widened: Callable[[list[float], float], Limits]
) -> Relations:
    """The relations of a feed from the windows of its history."""
    if contract.feed not in _MEASURES or not recents:
        return NONE
    constants = _CONSTANTS[contract.feed](recents)
    seen: dict[str, list[float]] = {}
    for recent in recents[:: _STRIDE[contract.feed]]:
        for column, statistic, value in _MEASURES[contract.feed](recent.columns, constants):
            seen.setdefault(f"{column}: {statistic}", []).append(value)
    limits = {}
    for name, values in seen.items():
        least = SHARE_MARGIN_MIN if "share" in name else RESIDUAL_MARGIN * (max(values) - min(values))
        limits[name] = widened(values, least)
    return Relations(constants, limits)


def strained(contract: Contract, recent: Recent, relations: Relations) -> Iterator[tuple[str, str, float, Limits]]:
    """(column, statistic, value, limits) of each relation that the latest rows don't keep."""
    if not relations.limits:
        return
    for column, statistic, value in _MEASURES[contract.feed](recent.columns, relations.constants):
        limits = relations.limits.get(f"{column}: {statistic}")
        if limits is not None and not limits[0] <= value <= limits[1]:
            yield column, statistic, value, limits


# -- flights


def _routes(columns: Columns) -> list[str]:
    return [f"{a}>{b}" for a, b in zip(columns["origin"].tolist(), columns["dest"].tolist(), strict=True)]


def _scheduled_min(columns: Columns) -> Floats:
    """The scheduled length of each arrived flight, as its other columns imply it, in minutes; else NaN."""
    flown_min = (columns["event_time"] - columns["sched_dep"]) / 60 - columns["dep_delay"]
    implied = flown_min - (columns["arr_delay"] - columns["dep_delay"])
    return np.where(columns["event"] == "arrived", implied, np.nan)


def _flight_constants(recents: Sequence[Recent]) -> Constants:
    distance: dict[str, list[float]] = {}
    length: dict[str, list[float]] = {}
    for recent in recents[:: _STRIDE["flights"]]:
        columns = recent.columns
        lengths = _scheduled_min(columns).tolist()
        for route, miles, minutes in zip(_routes(columns), columns["distance"].tolist(), lengths, strict=True):
            distance.setdefault(route, []).append(miles)
            if minutes == minutes:
                length.setdefault(route, []).append(minutes)
    return {
        "distance": {route: float(np.median(values)) for route, values in distance.items()},
        "length": {route: round(float(np.median(values)), 3) for route, values in length.items()},
    }


def _flight_measures(columns: Columns, constants: Constants) -> Iterator[Measure]:
    routes = _routes(columns)
    distance = np.array([constants["distance"].get(route, np.nan) for route in routes])
    off = np.abs(columns["distance"] - distance) > 1
    yield "distance", "share that isn't the route's", float(off[~np.isnan(distance)].mean())
    yield "dest", "share of unknown routes", float(np.isnan(distance).mean())
    usual = np.array([constants["length"].get(route, np.nan) for route in routes])
    residual = _scheduled_min(columns) - usual
    known = ~np.isnan(residual)
    if known.sum() >= SEGMENT_ROWS_MIN:
        yield "arr_delay", "flight times' mean distance from the route's", float(np.abs(residual[known]).mean())
    yield from _by_segment("arr_delay", "flight times", residual, columns, ("origin", "carrier"))
    gained = np.where(columns["event"] == "arrived", columns["arr_delay"] - columns["dep_delay"], np.nan)
    yield from _by_segment("arr_delay", "time made up", gained, columns, ("origin", "carrier"))
    for name in ("origin", "event"):
        values, counts = np.unique(columns[name], return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            yield name, f"share of {value}", count / len(routes)


def _by_segment(
    column: str, what: str, values: Floats, columns: Columns, segments: tuple[str, ...]
) -> Iterator[Measure]:
    """The mean of a quantity for each segment that has enough of it."""
    known = ~np.isnan(values)
    for segment in segments:
        names = columns[segment]
        for name in np.unique(names[known]).tolist():
            of_segment = values[known & (names == name)]
            if len(of_segment) >= SEGMENT_ROWS_MIN:
                yield column, f"{what} of {name}", float(of_segment.mean())


# -- weather


def _no_constants(recents: Sequence[Recent]) -> Constants:
    return {}


def _weather_measures(columns: Columns, constants: Constants) -> Iterator[Measure]:
    stations = np.unique(columns["origin"]).tolist()
    for name in _STATION_COLUMNS:
        for station in stations:
            value = _apart(columns, name, station)
            if value is not None:
                yield name, f"distance of {station} from the other stations", value
            run = _longest_run(columns[name][columns["origin"] == station])
            yield name, f"readings of {station} without a change", run
    readings: dict[tuple[Any, ...], int] = {}
    for row in zip(columns["origin"].tolist(), *(columns[name].tolist() for name in _READING), strict=True):
        readings[row] = readings.get(row, 0) + 1
    rows = len(columns["origin"])
    yield "observed_at", "share of readings that came before", 1 - len(readings) / rows


def _apart(columns: Columns, name: str, station: str) -> float | None:
    """The mean distance of a station from the others at the same hours."""
    times, values, here = columns["observed_at"], columns[name], columns["origin"] == station
    moments = {at: v for at, v in zip(times[here].tolist(), values[here].tolist(), strict=True) if v == v}
    others: dict[float, list[float]] = {}
    for at, value in zip(times[~here].tolist(), values[~here].tolist(), strict=True):
        if value == value:
            others.setdefault(at, []).append(value)
    gaps = [value - sum(others[at]) / len(others[at]) for at, value in moments.items() if at in others]
    return sum(gaps) / len(gaps) if len(gaps) >= SEGMENT_ROWS_MIN / 2 else None


def _longest_run(values: Floats) -> float:
    """How often the last value has been repeated without a break.

    >>> _longest_run(np.array([3.0, 5.0, 5.0, 5.0]))
    2.0
    """
    changes = np.flatnonzero(values[1:] != values[:-1])
    return float(len(values) - 2 - (changes[-1] if len(changes) else -1))


_MEASURES: Mapping[str, Callable[[Columns, Constants], Iterator[Measure]]] = {
    "flights": _flight_measures,
    "weather": _weather_measures,
}
_CONSTANTS: Mapping[str, Callable[[Sequence[Recent]], Constants]] = {
    "flights": _flight_constants,
    "weather": _no_constants,
}
#: One of so many windows of history is looked at: neighbours overlap almost entirely.
_STRIDE: Mapping[str, int] = {"flights": 4, "weather": 1}
