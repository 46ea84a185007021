"""The base of faults that repeat rows, leave them out or move them, all columns together."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import model_validator

from chaos.data.column_fault import DrawnFault

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims
    from chaos.data.ledger import Corruption, RowsTaken, Step
    from chaos.data.rows import I64, RowIds
    from chaos.data.source import Cells
    from chaos.gateway.batch import Batch


class RowFault(DrawnFault):
    """A fault on whole rows. It says in which order rows are taken; the container does the rest."""

    @model_validator(mode="after")
    def _conditions_name_their_column(self) -> RowFault:
        if any(condition.column is None for condition in self.conditions()):
            raise ValueError("a condition of this fault must name a column: no single one is changed")
        return self

    def columns(self) -> tuple[str, ...]:
        return ()

    @abstractmethod
    def order(self, victims: Victims) -> I64:
        """The rows of the result, each as a row of the table."""

    def moves(self, cells: Cells, ids: RowIds, *, seed: int, candidates: I64 | None = None) -> Corruption:
        """What the fault does, with nothing moved yet and the rows that go not yet kept. See `CellFault.diff`."""
        from chaos.data.cells import Victims, drawn
        from chaos.data.ledger import Corruption
        from chaos.data.moves import rows_taken

        key = self.draw_key(seed)
        rows, requested = drawn(self, cells, ids, key, own="", fault=self.name, candidates=candidates)
        if not len(rows):
            return Corruption(self.name, cells.rows, requested, 0, 0)
        step = rows_taken(self.order(Victims(rows, ids, key, cells)), cells.rows)
        count = len(step.rows) + len(step.removed)
        return Corruption(self.name, cells.rows, requested, len(rows), count, (step,) if count else ())

    def corrupt(self, batch: Batch, *, seed: int) -> tuple[Batch, Corruption | None]:
        from chaos.data.chain import corrupt_batch  # here: validating a scenario needs no numpy

        return corrupt_batch(batch, [(self, seed)])


def taken_from(step: Step, table: pa.Table) -> RowsTaken:
    """The step with the rows that go kept, so that it can be undone."""
    from chaos.data.columns import taken
    from chaos.data.ledger import RowsTaken

    assert isinstance(step, RowsTaken)
    return replace(step, originals=taken(table, step.removed))


def moved_ids(ids: RowIds, order: I64) -> RowIds:
    """The names of the rows after they moved; those by position still are the positions that the rows had."""
    from chaos.data.rows import Keys, Places

    return Keys(ids.at(order)) if isinstance(ids, Keys) else Places(ids.at(order))
