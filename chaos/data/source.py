"""What a cell fault sees of a frame: column types, and the values of the rows that it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from chaos.data.columns import gathered, joined, plain, value_type, whole
from chaos.data.rows import I64


class Cells(Protocol):
    """Read access to a frame of any kind. Values come without dictionaries."""

    @property
    def rows(self) -> int:
        """How many rows."""
        ...

    def names(self) -> Sequence[str]:
        """The columns, in order."""
        ...

    def type_of(self, column: str) -> pa.DataType:
        """The type of a column's values."""
        ...

    def take(self, column: str, rows: I64, dictionaries: bool = False) -> pa.Array:
        """The values at some rows, ascending; with their dictionary only if that is asked for."""
        ...

    def whole(self, column: str) -> pa.Array:
        """All values of a column."""
        ...

    def digits(self, columns: Sequence[str], rows: I64) -> I64 | None:
        """The digits that each row's decimals have behind the point, where each value may have other ones.

        The most of any of these columns, or -1 for rows without a value. None where the types say it.
        """
        ...


def read(column: pa.ChunkedArray, rows: I64 | None) -> pa.Array:
    """A column's values at some rows, ascending, or all of them; in a dictionary if it has one, and never as views."""
    if rows is not None and len(rows) < len(column):
        return gathered(column, rows)
    values = joined(column)
    return values if pa.types.is_dictionary(values.type) else plain(values)


@dataclass(frozen=True, slots=True)
class TableCells:
    """The cells of an Arrow table."""

    table: pa.Table

    @property
    def rows(self) -> int:
        """How many rows."""
        return int(self.table.num_rows)

    def names(self) -> Sequence[str]:
        """The columns, in order."""
        return list(self.table.schema.names)

    def type_of(self, column: str) -> pa.DataType:
        """The type of a column's values."""
        return value_type(self.table.schema.field(column).type)

    def take(self, column: str, rows: I64, dictionaries: bool = False) -> pa.Array:
        """The values at some rows, ascending; with their dictionary only if that is asked for."""
        values = read(self.table.column(column), rows)
        return values if dictionaries else plain(values)

    def whole(self, column: str) -> pa.Array:
        """All values of a column."""
        return plain(whole(self.table, column))

    def digits(self, columns: Sequence[str], rows: I64) -> I64 | None:
        """None: the types say how many digits decimals have."""
        return None
