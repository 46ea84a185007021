"""The statistics that history and new batches are compared by; both sides call this code.

Two scales: a batch by itself (when it has enough rows) and the sliding window of the latest rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reference_pipeline.ingestion.contract import Column, Columns, Contract

Floats = npt.NDArray[np.float64]
#: Statistics of one column, by name: null_rate, unknown_rate (of references), location (median), spread
#: (interquartile range).
ColumnStatistics = dict[str, float]
#: The keys that each feed of references has, by feed.
Registers = Mapping[str, AbstractSet[str]]


def arrays(contract: Contract, columns: Mapping[str, list[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Columns of Python values as arrays: NaN for a missing number or time, "" for a missing text."""
    out: dict[str, npt.NDArray[Any]] = {}
    for column in contract.columns:
        values = columns[column.name]
        if column.type == "string":
            out[column.name] = np.array([value or "" for value in values], dtype=np.str_)
        else:
            out[column.name] = np.array(values, dtype=np.float64)  # None becomes NaN
    return out


def nulls(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which values of an array of `arrays` are missing."""
    return np.asarray(values == "") if values.dtype.kind == "U" else np.isnan(values)


def statistics_of(contract: Contract, columns: Columns, registers: Registers) -> dict[str, ColumnStatistics]:
    """Statistics of each column that may be null or is watched, where enough values bear them.

    A reference into a register that isn't known is not judged.
    """
    known_min = max(2, contract.batch_rows_min // 2)
    out: dict[str, ColumnStatistics] = {}
    for column in contract.columns:
        if column.required and not column.watched:
            continue
        values = columns[column.name]
        missing = nulls(values)
        count = int(np.count_nonzero(missing))
        found: ColumnStatistics = {}
        rate = None if column.required else null_rate(column, columns, missing, contract.batch_rows_min)
        if rate is not None:
            found["null_rate"] = rate
        register = registers.get(column.refers_to or "")
        if register and len(values) - count >= contract.batch_rows_min:
            unknown = sum(value not in register for value in values.tolist())
            found["unknown_rate"] = (unknown - count * ("" not in register)) / (len(values) - count)
        if column.watched and len(values) - count >= known_min:
            known = np.sort(values[~missing] if count else values)
            last = len(known) - 1
            found["location"] = float(known[last // 2] + known[(last + 1) // 2]) / 2
            found["spread"] = float(known[(3 * last + 2) // 4] - known[(last + 1) // 4])
        out[column.name] = found
    return out


def null_rate(column: Column, columns: Columns, missing: npt.NDArray[np.bool_], rows_min: int) -> float | None:
    """The share of missing values among the rows that should have one; None for too few of them."""
    if column.expected is not None:
        missing = missing[column.expected(columns)]
    return float(np.count_nonzero(missing)) / len(missing) if len(missing) >= rows_min else None


@dataclass(frozen=True, slots=True)
class Reference:
    """A distribution, kept as its cumulative share at up to 64 of its values."""

    grid: tuple[float, ...]
    shares: tuple[float, ...]

    @classmethod
    def of(cls, values: Floats) -> Reference:
        """The distribution of known values, at least one."""
        known = np.sort(values)
        grid = np.unique(known[np.linspace(0, len(known) - 1, 64).astype(int)])
        shares = np.searchsorted(known, grid, side="right") / len(known)
        return cls(tuple(grid.tolist()), tuple(shares.tolist()))

    def distance(self, values: Floats) -> float:
        """The Kolmogorov-Smirnov distance on the grid, in 0..1.

        >>> reference = Reference.of(np.arange(100.0))
        >>> reference.distance(np.arange(100.0)), round(reference.distance(np.arange(100.0) + 50), 2)
        (0.0, 0.5)
        """
        shares = np.searchsorted(np.sort(values), self.grid, side="right") / len(values)
        return float(np.abs(shares - self.shares).max())


class Recent:
    """The latest rows of a feed: the columns that statistics look at."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._names = [c.name for c in contract.columns if c.watched or not c.required or c.allowed or c.learnt]
        if contract.time_column is not None:
            self._names += [name for name in ("sched_dep", contract.time_column) if name in contract.names]
        if contract.mode != "snapshot":
            self._names += [name for name in contract.keys if name not in self._names]
        self.columns: dict[str, npt.NDArray[Any]] = {}
        #: Start (epoch seconds) and rows of the latest batches.
        self.windows: tuple[tuple[float, int], ...] = ()

    @property
    def rows(self) -> int:
        """How many rows are remembered."""
        return len(next(iter(self.columns.values()))) if self.columns else 0

    @property
    def full(self) -> bool:
        """Whether there are enough rows to judge."""
        return 0 < self._contract.recent_rows <= self.rows

    def with_rows(self, columns: Columns, window: tuple[float, int] | None = None) -> Recent:
        """What this would be after a batch's rows; as many are kept as the contract says (200 of a snapshot).

        ``window`` is the batch's start and how many rows it came with; history has none. A row that came before, from
        another provider or in another version of its batch, makes way for the new one.
        """
        keep = self._contract.recent_rows or 200
        stays = np.ones(self.rows, dtype=np.bool_) if window is None else self._not_among(columns)
        after = Recent(self._contract)
        last = self._contract.recent_windows
        if window is not None and last:
            after.windows = (*self.windows, window)[-last:]
        for name in self._names:
            new = columns[name]
            old = self.columns.get(name)
            after.columns[name] = (new if old is None else np.concatenate((old[stays], new)))[-keep:]
        return after

    def _not_among(self, columns: Columns) -> npt.NDArray[np.bool_]:
        """Which of the rows here are not in the other ones, by their keys; all of a snapshot, which knows no others."""
        keys = self._contract.keys
        if self._contract.mode == "snapshot" or not self.rows:
            return np.ones(self.rows, dtype=np.bool_)
        others = set(zip(*(columns[name].tolist() for name in keys), strict=True))
        here = zip(*(self.columns[name].tolist() for name in keys), strict=True)
        return np.array([key not in others for key in here], dtype=np.bool_)

    def null_rates(self) -> dict[str, float]:
        """The share of missing values of each optional column, among the rows that should have one."""
        rates: dict[str, float] = {}
        for column in self._contract.columns:
            if not column.required and self.rows:
                rate = null_rate(column, self.columns, nulls(self.columns[column.name]), 1)
                if rate is not None:
                    rates[column.name] = round(rate, 6)
        return rates

    def watched(self) -> Iterator[tuple[str, Floats]]:
        """The known values of each watched column that has any."""
        for column in self._contract.columns:
            if column.watched and self.rows:
                values = self.columns[column.name]
                known = values[~np.isnan(values)]
                if len(known):
                    yield column.name, known
