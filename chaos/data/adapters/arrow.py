"""pyarrow tables and record batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from chaos.data.columns import joined, replaced, scattered_over, whole
from chaos.data.ledger import CellsChanged, rename
from chaos.data.rows import I64
from chaos.data.source import TableCells


class ArrowAdapter:
    """Metadata of the schema and of untouched fields are kept."""

    def names(self, frame: Any) -> Sequence[str]:
        return list(frame.schema.names)

    def rows(self, frame: Any) -> int:
        return int(frame.num_rows)

    def type_of(self, frame: Any, name: str) -> pa.DataType:
        return TableCells(frame).type_of(name)

    def gather(self, frame: Any, name: str, rows: I64 | None) -> pa.Array:
        cells = TableCells(_table(frame))
        return cells.whole(name) if rows is None else cells.take(name, rows, dictionaries=True)

    def scatter(self, frame: Any, name: str, rows: I64, values: pa.Array, form: Any = None) -> Any:
        table = _table(frame)
        if form is None:
            return _like(frame, replaced(table, name, scattered_over(table.column(name), rows, values)))
        return _like(frame, CellsChanged(name, rows, values, values, form).undo(table))

    def form(self, frame: Any, name: str) -> Any:
        field = frame.schema.field(name)
        return (field, whole(_table(frame), name).dictionary) if pa.types.is_dictionary(field.type) else field

    def take_rows(self, frame: Any, order: I64) -> Any:
        return _like(frame, _table(frame).take(pa.array(order)))

    def put_back(self, frame: Any, originals: Any, inverse: I64) -> Any:
        both = pa.concat_tables([_table(frame), _table(originals)])
        return _like(frame, both.take(pa.array(inverse)).combine_chunks())

    def take(self, frame: Any, names: Sequence[str]) -> pa.Table:
        return _table(frame).select(list(names))

    def replace(self, frame: Any, name: str, column: pa.Array) -> Any:
        table = _table(frame)
        return _like(frame, table.set_column(table.schema.get_field_index(name), pa.field(name, column.type), column))

    def rename(self, frame: Any, old: str, new: str) -> Any:
        return _like(frame, rename(_table(frame), old, new))

    def drop(self, frame: Any, name: str) -> Any:
        return _like(frame, _table(frame).drop_columns([name]))

    def insert(self, frame: Any, index: int, name: str, column: pa.Array) -> Any:
        return _like(frame, _table(frame).add_column(index, name, column))

    def from_table(self, table: pa.Table) -> Any:
        return table


def _table(frame: Any) -> pa.Table:
    return frame if isinstance(frame, pa.Table) else pa.Table.from_batches([frame])


def _like(frame: Any, table: pa.Table) -> Any:
    if isinstance(frame, pa.Table):
        return table
    columns = [joined(c) for c in table.columns]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)
