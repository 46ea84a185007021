"""The data contract of each feed, as one table. `reference_pipeline.ingestion.validation` enforces it.

Why not pandera: its fixed cost is 12 ms a call, and a batch here has 30 rows; these checks take well under 1
ms on numpy. Fixed limits below are what is physically or operationally possible. What is *usual* isn't
written down: it is learnt from the feed's own history (`reference_pipeline.ingestion.baseline`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Logical = Literal["string", "int64", "float64", "timestamp"]
Rows = npt.NDArray[np.bool_]
#: A batch's columns: float arrays (NaN for null) for numbers and times, arrays of str ("" for null) for text.
Columns = Mapping[str, npt.NDArray[Any]]

ARROW: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "timestamp": pa.int64(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its type, whether null is allowed, the possible range, the complete list of categories.

    ``watched`` numbers are compared with their history (location, spread, distribution); ``learnt`` texts
    with the categories that history holds; ``refers_to`` names the feed whose key the texts should be. A value may be
    absent by design: null rates count only the rows that ``expected`` marks.
    """

    name: str
    type: Logical
    required: bool = True
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] | None = None
    watched: bool = False
    learnt: bool = False
    refers_to: str | None = None
    expected: Callable[[Columns], Rows] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition between the columns of one row; ``broken`` marks the rows that break it."""

    name: str
    column: str
    broken: Callable[[Columns], Rows]


@dataclass(frozen=True, slots=True)
class Contract:
    """What a feed promises. ``keys`` are unique in an append feed, within the batch in a snapshot.

    ``closed`` says which end of the batch's window belongs to it. Statistics are made of batches of at least
    ``batch_rows_min`` rows, of the ``recent_rows`` latest rows, and, for the volume, of ``recent_windows`` batches in
    which ``recent_windows_rows_min`` rows are usual.
    """

    feed: str
    version: str
    format: str
    keys: tuple[str, ...]
    mode: Literal["append", "snapshot"]
    time_column: str | None
    closed: Literal["left", "right"]
    batch_rows_min: int
    recent_rows: int
    recent_windows: int
    recent_windows_rows_min: int
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in the lake's order."""
        return tuple(column.name for column in self.columns)

    @property
    def schema(self) -> pa.Schema:
        """The lake's schema: timestamps are epoch seconds."""
        return pa.schema([(column.name, ARROW[column.type]) for column in self.columns])


def _near(left: npt.NDArray[Any], right: npt.NDArray[Any], tolerance: float) -> Rows:
    """True where both are known and near each other, or one is unknown."""
    with np.errstate(invalid="ignore"):
        return np.asarray(~(np.abs(left - right) > tolerance))


FLIGHTS = Contract(
    feed="flights",
    version="1.0",
    format="json",
    keys=("carrier", "flight", "origin", "sched_dep", "event"),  # whatever a provider calls it, it is the same flight
    mode="append",
    time_column="event_time",
    closed="left",
    batch_rows_min=10,
    recent_rows=400,
    recent_windows=8,
    recent_windows_rows_min=150,
    columns=(
        Column("flight_id", "string"),
        Column("carrier", "string", learnt=True),
        Column("flight", "int64", low=1, high=9999),
        Column("tailnum", "string", required=False, refers_to="planes"),
        Column("origin", "string", allowed=("EWR", "JFK", "LGA")),
        Column("dest", "string", learnt=True),
        Column("sched_dep", "timestamp"),
        Column("distance", "float64", low=10, high=6000, watched=True),
        Column("event", "string", allowed=("departed", "arrived", "cancelled")),
        Column("event_time", "timestamp"),
        Column("dep_delay", "float64", False, -120, 1800, watched=True, expected=lambda c: c["event"] != "cancelled"),
        Column("arr_delay", "float64", False, -180, 1800, watched=True, expected=lambda c: c["event"] == "arrived"),
    ),
    rules=(
        Rule(
            "a flight that departed has a dep_delay",
            "dep_delay",
            lambda c: (c["event"] != "cancelled") & np.isnan(c["dep_delay"]),
        ),
        Rule(
            "a departure happens dep_delay minutes after sched_dep",
            "dep_delay",
            lambda c: (c["event"] == "departed") & ~_near(c["sched_dep"] + 60 * c["dep_delay"], c["event_time"], 60),
        ),
        Rule(
            "an arrival comes after the departure",
            "event_time",
            lambda c: (c["event"] == "arrived") & (c["event_time"] < c["sched_dep"] + 60 * c["dep_delay"]),
        ),
        Rule(
            "only an arrival has an arr_delay",
            "arr_delay",
            lambda c: (c["event"] != "arrived") & ~np.isnan(c["arr_delay"]),
        ),
    ),
)

WEATHER = Contract(
    feed="weather",
    version="1.0",
    format="csv",
    keys=("origin", "observed_at"),
    mode="append",
    time_column="observed_at",
    closed="right",
    batch_rows_min=3,
    recent_rows=72,
    recent_windows=6,
    recent_windows_rows_min=15,
    columns=(
        Column("origin", "string", allowed=("EWR", "JFK", "LGA")),
        Column("observed_at", "timestamp"),
        Column("temp", "float64", required=False, low=-40, high=120, watched=True),  # Fahrenheit
        Column("dewp", "float64", required=False, low=-60, high=90, watched=True),  # Fahrenheit
        Column("humid", "float64", required=False, low=0, high=100, watched=True),  # per cent
        Column("wind_dir", "float64", required=False, low=0, high=360),  # degrees
        Column("wind_speed", "float64", required=False, low=0, high=150, watched=True),  # mph
        Column("wind_gust", "float64", required=False, low=0, high=200),  # mph
        Column("precip", "float64", required=False, low=0, high=5),  # inches
        Column("pressure", "float64", required=False, low=930, high=1070, watched=True),  # millibars
        Column("visib", "float64", required=False, low=0, high=10, watched=True),  # miles
    ),
    rules=(Rule("the dew point is not above the temperature", "temp", lambda c: c["dewp"] > c["temp"] + 0.5),),
)

PLANES = Contract(
    feed="planes",
    version="1.0",
    format="parquet",
    keys=("tailnum",),
    mode="snapshot",
    time_column=None,
    closed="left",
    batch_rows_min=100,
    recent_rows=0,
    recent_windows=0,
    recent_windows_rows_min=0,
    columns=(
        Column("tailnum", "string"),
        Column("year", "int64", required=False, low=1903, high=2014, watched=True),
        Column("manufacturer", "string", learnt=True),
        Column("engines", "int64", low=1, high=8, watched=True),
        Column("seats", "int64", low=1, high=900, watched=True),
    ),
)

CONTRACTS: Mapping[str, Contract] = {contract.feed: contract for contract in (FLIGHTS, WEATHER, PLANES)}
