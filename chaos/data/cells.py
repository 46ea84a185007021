"""One pass of a fault over cells: draw the victims, ask the fault for their new values, keep what really differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from chaos.data.columns import Floats, differs, value_type
from chaos.data.conditions import weights
from chaos.data.decimals import ROOM
from chaos.data.ledger import CellsChanged, Corruption
from chaos.data.row_hash import U64, uniforms
from chaos.data.rows import (
    I64,
    Bursts,
    Places,
    Positions,
    RowIds,
    draws_at,
    hashes_at,
    select,
    select_exactly,
)
from chaos.data.source import Cells
from chaos.data.where import Where
from chaos.rng import key64

#: Victims worked on at a time.
_PART = 1 << 14


@dataclass(frozen=True, slots=True)
class Victims:
    """The rows that a fault hits, ascending, keyed draws for them, and what else they hold."""

    rows: I64
    ids: RowIds
    key: int
    cells: Cells

    def __len__(self) -> int:
        return len(self.rows)

    def parts(self) -> Iterator[tuple[int, Victims]]:
        """Some victims at a time, with the place of the first: what is made of so many stays in the L2 cache."""
        for first in range(0, len(self.rows), _PART):
            yield first, Victims(self.rows[first : first + _PART], self.ids, self.key, self.cells)

    def bits(self, purpose: str) -> U64:
        """64 random bits a victim; they depend on the victim's id and the purpose only."""
        return draws_at(key64(self.key, purpose), self.ids, self.rows)

    def draws(self, purpose: str) -> Floats:
        """A uniform draw in [0, 1) a victim."""
        return uniforms(self.bits(purpose))

    def normals(self, purpose: str) -> Floats:
        """A standard normal draw a victim."""
        radius = np.sqrt(-2.0 * np.log1p(-self.draws(purpose)))
        return np.asarray(radius * np.cos(2.0 * np.pi * self.draws(purpose + " angle")))

    def choices(self, purpose: str, count: int) -> I64:
        """A draw among ``count`` things a victim, as 0 to ``count - 1``."""
        chosen = self.bits(purpose)
        chosen >>= np.uint64(32)
        chosen *= np.uint64(count)
        chosen >>= np.uint64(32)
        return chosen.view(np.int64)

    def values(self, column: str) -> pa.Array:
        """The victims' values in another column."""
        return self.cells.take(column, self.rows)


class Draw(Protocol):
    """The parameters of a fault that decide which rows it hits."""

    @property
    def rate(self) -> float: ...
    @property
    def burst(self) -> int: ...
    @property
    def exact(self) -> bool: ...
    def conditions(self) -> Where: ...


def naming(ids: RowIds, burst: int) -> RowIds:
    """What rows are drawn by: their own ids, or those of the runs that they are in."""
    return Bursts(ids, burst) if burst > 1 and isinstance(ids, Positions | Places) else ids


def drawn(
    draw: Draw, cells: Cells, ids: RowIds, key: int, *, own: str, fault: str, candidates: I64 | None = None
) -> tuple[I64, float]:
    """The rows hit, and how many were asked for.

    ``candidates`` are the rows that `select` gives, if a pass for several faults has found them already.
    """
    share = weights(draw.conditions(), cells, own, fault)
    eligible = float(cells.rows) if share is None else float(share.sum())
    requested = draw.rate * eligible
    by = naming(ids, draw.burst)
    if draw.exact:
        return select_exactly(key, by, round(requested), share), requested
    rows = select(key, by, draw.rate) if candidates is None else candidates
    if share is not None:
        rows = rows[share[rows] > 0.0]
        partly = share[rows] < 1.0
        if partly.any():
            kept = uniforms(hashes_at(key, by, rows)) < draw.rate * share[rows]
            rows = rows[kept | ~partly]
    return rows, requested


class Edit(Protocol):
    """New values for the victims, by column, given their old ones; of the columns' types."""

    def __call__(self, old: Mapping[str, pa.Array], victims: Victims) -> Mapping[str, pa.Array]: ...


def changes(
    edit: Edit, columns: tuple[str, ...], victims: Victims, *, dictionaries: bool = False, apart: bool = False
) -> list[CellsChanged]:
    """The cells that really take another value. With ``dictionaries`` the fault is given old values with theirs.

    ``apart`` says that what a row gets depends on that row alone. Then decimals that are objects of Python, each with
    digits of its own, get as many as their row has had, whichever other rows there are.
    """
    if not len(victims):
        return []
    digits = victims.cells.digits(columns, victims.rows) if apart else None
    if digits is None:
        return _changes(edit, columns, victims, dictionaries)
    steps = []
    for count in np.unique(digits).tolist():
        alike = Victims(victims.rows[digits == count], victims.ids, victims.key, victims.cells)
        steps += _changes(edit, columns, alike, dictionaries, ROOM if count < 0 else count)
    return steps


def _changes(
    edit: Edit, columns: tuple[str, ...], victims: Victims, dictionaries: bool, digits: int | None = None
) -> list[CellsChanged]:
    take = victims.cells.take
    old = {column: take(column, victims.rows, dictionaries) for column in columns}
    if digits is not None:
        own = {column for column in columns if victims.cells.digits((column,), victims.rows) is not None}
        for column in own:
            old[column] = old[column].cast(pa.decimal128(38, digits))
    if all(pa.types.is_null(value_type(values.type)) for values in old.values()):
        return []  # nothing else fits in there
    steps = []
    for column, new in edit(old, victims).items():
        different = differs(old[column], new)
        if different.all():
            steps.append(CellsChanged(column, victims.rows, old[column], new))
        elif different.any():
            kept = pa.array(different)
            step = CellsChanged(column, victims.rows[different], old[column].filter(kept), new.filter(kept))
            steps.append(step)
    return steps


def corruption(
    fault: str, cells: Cells, victims: Victims, requested: float, steps: list[CellsChanged], *, must_change: bool
) -> Corruption:
    """The ledger of one pass. With ``must_change`` a victim that the fault left alone was never one."""
    selected = len(victims)
    if must_change:
        hit = np.zeros(cells.rows, dtype=bool)
        for step in steps:
            hit[step.rows] = True
        selected = int(hit.sum())
    count = sum(len(step.rows) for step in steps)
    return Corruption(fault, cells.rows, requested, selected, count, tuple(steps))
