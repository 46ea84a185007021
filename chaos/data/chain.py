"""Several faults on one table, one after the other, with one pass of row selection for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chaos.data.cells import naming
from chaos.data.column_fault import CellFault, DrawnFault
from chaos.data.keys import row_ids
from chaos.data.ledger import Corruption, form_of, together
from chaos.data.row_fault import RowFault
from chaos.data.rows import I64, RowIds, select_many
from chaos.data.source import Cells, TableCells
from chaos.fault import FeedFault
from chaos.gateway.batch import Batch

#: What rows are named by in a selection: key columns, and the length of runs.
_Naming = tuple[tuple[str, ...], int]


@dataclass(frozen=True, slots=True)
class NamedBatch(Batch):
    """A batch whose rows are no longer at their places in the feed, and keep the names that they had there."""

    ids: RowIds | None = None


@dataclass(slots=True)
class Selection:
    """Row ids by naming, and the rows that each of several faults will hit, found in one pass a naming."""

    first_row: int
    rows: int
    carried: RowIds | None
    ids: dict[tuple[str, ...], RowIds]
    found: Mapping[int, I64]

    @classmethod
    def of(
        cls, faults: Sequence[tuple[FeedFault, int]], cells: Cells, first_row: int, carried: RowIds | None = None
    ) -> Selection:
        """Draw for all the cell faults; the ``int`` with each is its seed."""
        selection = cls(first_row, cells.rows, carried, {}, {})
        groups: dict[_Naming, list[int]] = {}
        known = set(cells.names())
        for i, (fault, _) in enumerate(faults):
            if isinstance(fault, DrawnFault) and not fault.exact and known.issuperset(fault.key):
                groups.setdefault((fault.key, fault.burst), []).append(i)
        found: dict[int, I64] = {}
        for (key, burst), members in groups.items():
            draws = [_draw(*faults[i]) for i in members]
            found.update(zip(members, select_many(draws, naming(selection.named(cells, key), burst)), strict=True))
        selection.found = found
        return selection

    def named(self, cells: Cells, key: tuple[str, ...]) -> RowIds:
        """The rows' ids by these key columns, hashed once."""
        if not key and self.carried is not None:
            return self.carried
        if key not in self.ids:
            self.ids[key] = row_ids(cells, key, self.first_row)
        return self.ids[key]


def _draw(fault: FeedFault, seed: int) -> tuple[int, float]:
    assert isinstance(fault, DrawnFault)
    return fault.draw_key(seed), fault.rate


def corrupt_batch(batch: Batch, faults: Sequence[tuple[FeedFault, int]]) -> tuple[Batch, Corruption]:
    """The batch with every (fault, seed) in it, in order, and one ledger of it all.

    Rows keep their names when a fault removes or repeats others, so that the next one hits what it would have hit.
    """
    rows = batch.table.num_rows
    ledgers: list[Corruption] = []
    start = 0
    while start < len(faults):
        stop = start + 1
        while stop < len(faults) and isinstance(faults[stop - 1][0], CellFault):
            stop += 1
        batch, done = _run(batch, faults[start:stop])
        ledgers += done
        start = stop
    return batch, ledgers[0] if len(ledgers) == 1 else together(ledgers, rows)


def _run(batch: Batch, faults: Sequence[tuple[FeedFault, int]]) -> tuple[Batch, list[Corruption]]:
    """Some faults of which only the last may change which rows there are."""
    carried = batch.ids if isinstance(batch, NamedBatch) else None
    selection = Selection.of(faults, TableCells(batch.table), batch.ref.first_row, carried)
    ledgers = []
    for i, (fault, seed) in enumerate(faults):
        cells = TableCells(batch.table)
        if isinstance(fault, CellFault):
            done = fault.diff(cells, _ids(fault, cells, selection), seed=seed, candidates=selection.found.get(i))
            batch, done = apply_cells(batch, done)
        elif isinstance(fault, RowFault):
            ids = _ids(fault, cells, selection)
            done = fault.moves(cells, ids, seed=seed, candidates=selection.found.get(i))
            batch, done = _apply_rows(batch, done, selection.named(cells, ()))
        else:
            batch, maybe = fault.corrupt(batch, seed=seed)
            done = maybe or Corruption(fault.name, cells.rows, 0.0, 0, 0)
        ledgers.append(done)
    return batch, ledgers


def _ids(fault: DrawnFault, cells: Cells, selection: Selection) -> RowIds:
    from chaos.data.column_fault import require

    require(fault, cells)
    return selection.named(cells, fault.key)


def apply_cells(batch: Batch, done: Corruption) -> tuple[Batch, Corruption]:
    """The batch with the changes of a cell fault made, and the ledger fit for its revert."""
    table = batch.table
    steps = []
    for step in done.cell_steps():
        form = form_of(table.schema.field(step.column), table.column(step.column))
        steps.append(replace(step, form=form))
        table = step.redo(table)
    return batch.with_table(table), replace(done, steps=tuple(steps))


def _apply_rows(batch: Batch, done: Corruption, ids: RowIds) -> tuple[Batch, Corruption]:
    from chaos.data.row_fault import moved_ids, taken_from

    steps = tuple(taken_from(step, batch.table) for step in done.steps)
    if not steps:
        return batch, done
    table = batch.table
    for step in steps:
        table = step.redo(table)
        ids = moved_ids(ids, step.order)
    return NamedBatch(table, batch.ref, ids, compression=batch.compression), replace(done, steps=steps)
