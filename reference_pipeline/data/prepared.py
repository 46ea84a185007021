"""The prepared files, opened lazily and sliced by time without reading what lies outside."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

#: Decoded row groups that a table keeps (about two days of events each).
KEPT_GROUPS = 8


class TimeTable:
    """A Parquet file sorted by an integer column of epoch seconds.

    Row groups are read when a slice needs them; the last few stay decoded, so that a replay in time order
    reads each once.
    """

    def __init__(self, path: Path, time_column: str) -> None:
        self.path = path
        self.time_column = time_column
        self._groups: OrderedDict[int, tuple[pa.Table, np.ndarray[tuple[int], np.dtype[np.int64]]]] = OrderedDict()

    @cached_property
    def _file(self) -> pq.ParquetFile:
        return pq.ParquetFile(self.path, memory_map=True)

    @cached_property
    def _bounds(self) -> tuple[list[int], list[int]]:
        """The first and the last time of each row group."""
        metadata = self._file.metadata
        column = self._file.schema_arrow.get_field_index(self.time_column)
        statistics = [metadata.row_group(i).column(column).statistics for i in range(metadata.num_row_groups)]
        return [s.min for s in statistics], [s.max for s in statistics]

    @property
    def rows(self) -> int:
        """How many rows the file holds."""
        return int(self._file.metadata.num_rows)

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last time in the file, in epoch seconds."""
        first, last = self._bounds
        return first[0], last[-1]

    def slice(self, start: float, end: float) -> pa.Table:
        """The rows with ``start <= time < end``, in time order; contiguous memory."""
        first, last = self._bounds
        parts = [self._part(i, start, end) for i in range(bisect_left(last, start), bisect_left(first, end))]
        if not parts:
            return self._file.schema_arrow.empty_table()
        return parts[0] if len(parts) == 1 else pa.concat_tables(parts).combine_chunks()

    def _part(self, index: int, start: float, end: float) -> pa.Table:
        table, times = self._group(index)
        low, high = np.searchsorted(times, [start, end])
        return table.slice(low, high - low)

    def _group(self, index: int) -> tuple[pa.Table, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        if index in self._groups:
            self._groups.move_to_end(index)
            return self._groups[index]
        table = self._file.read_row_group(index, use_threads=False)
        loaded = (table, table[self.time_column].to_numpy())
        self._groups[index] = loaded
        if len(self._groups) > KEPT_GROUPS:
            self._groups.popitem(last=False)
        return loaded


class Prepared:
    """A prepared data set. ``version`` names the data and the code that derived it."""

    def __init__(self, directory: Path, version: str) -> None:
        self.directory = directory
        self.version = version
        self._flights = TimeTable(directory / "flights.parquet", "sched_dep")
        self._events = TimeTable(directory / "events.parquet", "event_time")
        self._weather = TimeTable(directory / "weather.parquet", "observed_at")

    def flights(self, start: float, end: float) -> pa.Table:
        """Flights scheduled to depart in ``[start, end)`` (epoch seconds), with their labels."""
        return self._flights.slice(start, end)

    def events(self, start: float, end: float) -> pa.Table:
        """Departures, arrivals and cancellations that happened in ``[start, end)``."""
        return self._events.slice(start, end)

    def weather(self, start: float, end: float) -> pa.Table:
        """Observations made in ``[start, end)``."""
        return self._weather.slice(start, end)

    @cached_property
    def planes(self) -> pa.Table:
        """The register of planes; it doesn't change during the year."""
        return pq.read_table(self.directory / "planes.parquet", use_threads=False)

    @property
    def span(self) -> tuple[int, int]:
        """Epoch seconds between which flights are scheduled: first and last departure."""
        return self._flights.span
