"""The ledger of a corruption: what was asked for, selected and really changed, and enough to undo it exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from chaos.data.columns import Flags, joined, replaced, scattered_over, taken
from chaos.data.rows import I64


@dataclass(frozen=True, slots=True)
class CellsChanged:
    """Some cells of a column took other values: what they were, and what they are now.

    ``form`` is what a container needs besides the values to restore the column exactly: an Arrow dictionary, the
    dtype of a pandas column; None if the values say it all.
    """

    column: str
    rows: I64
    originals: pa.Array
    values: pa.Array
    form: Any = None

    def redo(self, table: pa.Table) -> pa.Table:
        """The table with the new values."""
        return replaced(table, self.column, scattered_over(table.column(self.column), self.rows, self.values))

    def undo(self, table: pa.Table) -> pa.Table:
        """The table with the old values."""
        column = scattered_over(table.column(self.column), self.rows, self.originals)
        field, column = in_form(self.form or table.schema.field(self.column), column)
        return table.set_column(table.schema.get_field_index(self.column), field, column)


def form_of(field: pa.Field, column: pa.ChunkedArray) -> Any:
    """What restores an Arrow column exactly, besides its values: its field, and its dictionary if it has one."""
    return (field, joined(column).dictionary) if pa.types.is_dictionary(field.type) else field


def in_form(form: Any, column: pa.ChunkedArray) -> tuple[pa.Field, pa.ChunkedArray]:
    """The values in the form that `form_of` told of: with the field, and in the words, that they had."""
    if isinstance(form, pa.Field):
        return form, column
    field, words = form
    # Words that a fault brought in stand behind the old ones, and nothing points there any more.
    indices = joined(column).indices.cast(field.type.index_type)
    return field, pa.chunked_array([pa.DictionaryArray.from_arrays(indices, words, ordered=field.type.ordered)])


@dataclass(frozen=True, slots=True)
class ColumnReplaced:
    """A whole column changed, its type included. ``original`` is the old one, as the container holds it."""

    field: pa.Field
    original: Any
    rows: I64

    @property
    def column(self) -> str:
        """The column's name."""
        return str(self.field.name)

    def undo(self, table: pa.Table) -> pa.Table:
        """The table with the old column."""
        return table.set_column(table.schema.get_field_index(self.column), self.field, self.original)


@dataclass(frozen=True, slots=True)
class ColumnDropped:
    """A column went missing. ``original`` is what it was, as the container holds it."""

    index: int
    field: pa.Field
    original: Any

    def undo(self, table: pa.Table) -> pa.Table:
        """The table with the column back in its place."""
        return table.add_column(self.index, self.field, self.original)


@dataclass(frozen=True, slots=True)
class ColumnRenamed:
    """A column has another name."""

    old: str
    new: str

    def undo(self, table: pa.Table) -> pa.Table:
        """The table with the old name."""
        return rename(table, self.new, self.old)


@dataclass(frozen=True, slots=True)
class RowsTaken:
    """Rows were repeated, left out or moved: row ``i`` of the result is row ``order[i]`` of the ``before`` rows.

    ``rows`` are the rows of the result that are copies or out of place; ``removed`` the rows that are gone, and
    ``originals`` holds those, as a frame of the container's kind. ``labels`` are the names that the container has for
    its rows besides: the index of a pandas frame.
    """

    before: int
    order: I64
    rows: I64
    removed: I64
    originals: Any
    labels: Any = None

    def redo(self, table: pa.Table) -> pa.Table:
        """The rows taken from a table that still has them all."""
        return taken(table, self.order)

    def undo(self, table: pa.Table) -> pa.Table:
        """The table with its rows as they were."""
        return taken(pa.concat_tables([table, self.originals]), self.inverse()).combine_chunks()

    def inverse(self) -> I64:
        """For each row before, where it is in the result with the removed rows put behind."""
        back = np.empty(self.before, dtype=np.int64)
        back[self.order[::-1]] = np.arange(len(self.order))[::-1]  # the first of several copies
        back[self.removed] = len(self.order) + np.arange(len(self.removed))
        return back


@dataclass(frozen=True, slots=True)
class TableReplaced:
    """The table became another one as a whole; ``original`` is the old one, as a frame of the container's kind."""

    original: Any
    rows: I64

    def undo(self, table: pa.Table) -> pa.Table:
        """The old table."""
        return self.original


Step = CellsChanged | ColumnReplaced | ColumnDropped | ColumnRenamed | RowsTaken | TableReplaced


@dataclass(frozen=True, slots=True)
class Corruption:
    """What one fault, or several in a row, did to one table of ``rows`` rows, as steps in order.

    ``requested`` is the rate times the rows that were eligible: without ``where`` all rows. ``selected`` is how many
    rows the draw hit. ``changed`` is how many cells hold another value now (a null made null is selected, not
    changed), or how many rows were repeated, left out or moved.
    """

    fault: str
    rows: int
    requested: float
    selected: int
    changed: int
    steps: Sequence[Step] = ()

    @property
    def touched_rows(self) -> int:
        """How many rows are different, new or gone."""
        gone = sum(len(step.removed) for step in self.steps if isinstance(step, RowsTaken))
        return int(self.mask_rows().sum()) + gone

    @property
    def effective(self) -> bool:
        """Whether the table is any different."""
        return bool(self.steps)

    def cell_steps(self) -> Sequence[CellsChanged]:
        """The steps that changed single cells."""
        return [step for step in self.steps if isinstance(step, CellsChanged)]

    def mask_rows(self) -> Flags:
        """One flag a row of the result: a cell of it has another value, or it is a copy or out of place."""
        flags = np.zeros(self.rows, dtype=bool)
        for step in self.steps:
            if isinstance(step, RowsTaken):
                flags = flags[step.order]
            if isinstance(step, CellsChanged | ColumnReplaced | RowsTaken):
                flags[step.rows] = True
        return flags

    def mask(self) -> dict[str, Flags]:
        """The ground truth for each column with changed cells: one flag a row of the result."""
        masks: dict[str, Flags] = {}
        rows = self.rows
        for step in self.steps:
            if isinstance(step, RowsTaken):
                masks = {column: flags[step.order] for column, flags in masks.items()}
                rows = len(step.order)
            elif isinstance(step, CellsChanged | ColumnReplaced):
                flags = masks.setdefault(step.column, np.zeros(rows, dtype=bool))
                flags[step.rows] = True
        return masks

    def revert(self, table: pa.Table) -> pa.Table:
        """The table as it was, bit for bit."""
        for step in reversed(self.steps):
            table = step.undo(table)
        return table


def together(parts: Sequence[Corruption], rows: int) -> Corruption:
    """One ledger of several corruptions that were made one after the other."""
    return Corruption(
        fault=" + ".join(part.fault for part in parts),
        rows=rows,
        requested=sum(part.requested for part in parts),
        selected=sum(part.selected for part in parts),
        changed=sum(part.changed for part in parts),
        steps=tuple(step for part in parts for step in part.steps),
    )


def rename(table: pa.Table, old: str, new: str) -> pa.Table:
    """The table with a column renamed in place; field and schema metadata kept."""
    index = table.schema.get_field_index(old)
    return table.set_column(index, table.schema.field(index).with_name(new), table.column(index))
