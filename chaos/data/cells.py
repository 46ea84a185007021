"""One pass of a fault over the cells of one column: draw the victims, change them, keep the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from chaos.data.columns import Floats, differs, replaced, whole
from chaos.data.keys import row_ids
from chaos.data.ledger import CellsChanged, Corruption
from chaos.data.rows import I64, RowIds, hashes_at, select, uniforms
from chaos.rng import key64


@dataclass(frozen=True, slots=True)
class Victims:
    """The rows that a fault hits, ascending, and keyed draws for them."""

    rows: I64
    ids: RowIds
    key: int

    def draws(self, purpose: str) -> Floats:
        """A uniform draw in [0, 1) a victim; it depends on the victim's id and the purpose only."""
        return uniforms(hashes_at(key64(self.key, purpose), self.ids, self.rows))


Change = Callable[[pa.Array, Victims], pa.Array]


def change_cells(
    table: pa.Table,
    change: Change,
    *,
    fault: str,
    column: str,
    rate: float,
    key: Sequence[str],
    seed: int,
    first_row: int,
) -> tuple[pa.Table, Corruption]:
    """The table with ``change`` made to a share of a column's cells, and what was done."""
    array = whole(table, column)
    ids = row_ids(table, key, first_row)
    draw = key64(seed, fault, column)
    rows = select(draw, ids, rate)
    requested = rate * len(array)
    if not len(rows):
        return table, Corruption(fault, len(array), requested, 0, 0)
    changed = change(array, Victims(rows, ids, draw))
    taken = pa.array(rows)
    originals = array.take(taken)
    different = differs(originals, changed.take(taken))
    count = int(different.sum())
    if not count:
        return table, Corruption(fault, len(array), requested, len(rows), 0)
    step = CellsChanged(column, rows[different], originals.filter(pa.array(different)))
    corruption = Corruption(fault, len(array), requested, len(rows), count, (step,))
    return replaced(table, column, changed), corruption
