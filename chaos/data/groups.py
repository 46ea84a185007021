"""Where to find another row's value: earlier in its group, at another time, next in the group.

Each function gives, for each victim, the row of the table at hand whose value it takes, or -1 if there is none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from chaos.data.cells import Victims
from chaos.data.columns import picked
from chaos.data.keys import row_ids
from chaos.data.row_hash import U64, splitmix64
from chaos.data.rows import I64, Keys
from chaos.data.source import Cells
from chaos.data.times import microseconds

_NONE = -1


def group_ids(cells: Cells, columns: Sequence[str]) -> U64:
    """One hash a row, the same for rows with equal values in these columns; without columns all are one group."""
    if not columns:
        return np.zeros(cells.rows, dtype=np.uint64)
    ids = row_ids(cells, columns, 0)
    assert isinstance(ids, Keys)
    return ids.ids


def earlier(victims: Victims, group: Sequence[str], time: str | None, steps: int) -> I64:
    """The row that is ``steps`` rows before each victim in its group, by time or else by position."""
    ids = group_ids(victims.cells, group)
    order = np.lexsort((_stamps(victims.cells, time), ids))
    source = np.full(len(order), _NONE, dtype=np.int64)
    if len(order) > steps:
        same = ids[order[steps:]] == ids[order[:-steps]]
        source[order[steps:][same]] = order[:-steps][same]
    return source[victims.rows]


def _stamps(cells: Cells, time: str | None) -> I64:
    return np.arange(cells.rows) if time is None else microseconds(cells.whole(time))[0]


def at_lag(victims: Victims, group: Sequence[str], time: str, lag_us: int) -> I64:
    """The row of the same group whose time is exactly ``lag_us`` earlier; the last such row if there are several."""
    cells = victims.cells
    ids = group_ids(cells, group)
    us, known = microseconds(cells.whole(time))
    names, wanted = _paired(ids, us), _paired(ids, us - lag_us)[victims.rows]
    found = _matching(names, wanted)
    return np.where(known[victims.rows], found, _NONE)


def of_entity(victims: Victims, entity: np.ndarray, at: Sequence[str]) -> I64:
    """The row of the giving entity (flagged in ``entity``) that agrees with each victim in the columns ``at``."""
    ids = group_ids(victims.cells, at)
    giving = np.flatnonzero(entity)
    found = _matching(ids[giving], ids[victims.rows])
    return np.where(found >= 0, giving[found], _NONE) if len(giving) else found


def rotated(victims: Victims, group: Sequence[str], purpose: str) -> I64:
    """Another victim of the same group for each, so that the group's values are permuted among them."""
    ids = group_ids(victims.cells, group)[victims.rows]
    order = np.lexsort((victims.draws(purpose), ids))
    sorted_ids = ids[order]
    following = np.arange(1, len(order) + 1)
    last = np.ones(len(order), dtype=bool)
    last[:-1] = sorted_ids[1:] != sorted_ids[:-1]
    first = np.flatnonzero(np.concatenate([[True], last[:-1]])) if len(order) else following
    following[last] = first  # the last of a group takes from its first
    source = np.empty(len(order), dtype=np.int64)
    source[order] = victims.rows[order[following]]
    return source


def _paired(ids: U64, us: I64) -> U64:
    return splitmix64(ids + us.view(np.uint64))


def _matching(names: U64, wanted: U64) -> I64:
    """For each wanted name the place of its last occurrence, or -1."""
    if not len(names):
        return np.full(len(wanted), _NONE, dtype=np.int64)
    order = np.argsort(names, kind="stable")
    place = np.searchsorted(names[order], wanted, side="right") - 1
    found = order[np.maximum(place, 0)]
    return np.where((place >= 0) & (names[found] == wanted), found, _NONE)


def taking(values: pa.Array, victims: Victims, column: str, source: I64) -> pa.Array:
    """The victims' values with those of their source rows in their place, where there is one."""
    whole = victims.cells.whole(column)
    given = whole.take(pa.array(np.maximum(source, 0))) if len(whole) else values
    return picked(source >= 0, given, values)
