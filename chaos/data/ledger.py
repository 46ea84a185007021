"""The ledger of a corruption: what was asked for, selected and really changed, and enough to undo it exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chaos.data.columns import scattered, whole
from chaos.data.rows import I64


@dataclass(frozen=True, slots=True)
class CellsChanged:
    """Some cells of a column took other values; its type is what it was."""

    column: str
    rows: I64
    originals: pa.Array

    def undo(self, table: pa.Table) -> pa.Table:
        """The table with the old values."""
        index = table.schema.get_field_index(self.column)
        restored = scattered(whole(table, self.column), self.rows, self.originals)
        return table.set_column(index, table.schema.field(index), restored)


@dataclass(frozen=True, slots=True)
class ColumnReplaced:
    """A whole column changed, its type included."""

    field: pa.Field
    original: pa.ChunkedArray
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
    """A column went missing."""

    index: int
    field: pa.Field
    original: pa.ChunkedArray

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


Step = CellsChanged | ColumnReplaced | ColumnDropped | ColumnRenamed


@dataclass(frozen=True, slots=True)
class Corruption:
    """What one fault did to one table of ``rows`` rows, as steps in order.

    ``requested`` is the rate times the rows; ``selected`` how many rows the draw hit; ``changed`` how many cells
    hold another value now (a null made null is selected, not changed).
    """

    fault: str
    rows: int
    requested: float
    selected: int
    changed: int
    steps: Sequence[Step] = ()

    @property
    def touched_rows(self) -> int:
        """How many rows have at least one cell with another value."""
        return int(self.mask_rows().sum())

    @property
    def effective(self) -> bool:
        """Whether the table is any different."""
        return bool(self.steps)

    def mask_rows(self) -> NDArray[np.bool_]:
        """One flag a row: a cell of it has another value."""
        flags = np.zeros(self.rows, dtype=bool)
        for step in self.steps:
            if isinstance(step, CellsChanged | ColumnReplaced):
                flags[step.rows] = True
        return flags

    def mask(self) -> dict[str, NDArray[np.bool_]]:
        """The ground truth for each column with changed cells: one flag a row."""
        masks: dict[str, NDArray[np.bool_]] = {}
        for step in self.steps:
            if isinstance(step, CellsChanged | ColumnReplaced):
                flags = masks.setdefault(step.column, np.zeros(self.rows, dtype=bool))
                flags[step.rows] = True
        return masks

    def revert(self, table: pa.Table) -> pa.Table:
        """The table as it was, bit for bit."""
        for step in reversed(self.steps):
            table = step.undo(table)
        return table


def rename(table: pa.Table, old: str, new: str) -> pa.Table:
    """The table with a column renamed in place; field and schema metadata kept."""
    index = table.schema.get_field_index(old)
    return table.set_column(index, table.schema.field(index).with_name(new), table.column(index))
