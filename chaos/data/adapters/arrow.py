"""pyarrow tables and record batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from chaos.data.adapters import Arrangement
from chaos.data.columns import joined, scattered_over, taken, value_type
from chaos.data.ledger import form_of, in_form, rename
from chaos.data.rows import I64
from chaos.data.source import read

ArrowColumn = tuple[pa.Field, pa.ChunkedArray]


class ArrowAdapter:
    """Metadata of the schema and of untouched fields are kept."""

    def names(self, frame: Any) -> Sequence[str]:
        return list(frame.schema.names)

    def rows(self, frame: Any) -> int:
        return int(frame.num_rows)

    def column(self, frame: Any, name: str) -> ArrowColumn:
        index = frame.schema.get_field_index(name)
        values = frame.column(index)
        return frame.schema.field(index), values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])

    def type_of(self, column: ArrowColumn) -> pa.DataType:
        return value_type(column[0].type)

    def gather(self, column: ArrowColumn, rows: I64 | None) -> pa.Array:
        return read(column[1], rows)

    def digits(self, column: ArrowColumn, rows: I64) -> I64 | None:
        return None

    def scattered(self, column: ArrowColumn, rows: I64, values: pa.Array, form: Any = None) -> ArrowColumn:
        field, old = column
        new = scattered_over(old, rows, values)
        if form is not None:
            return in_form(form, new)
        return field.with_type(new.type).with_nullable(field.nullable or new.null_count > 0), new

    def form(self, column: ArrowColumn, rows: I64, values: pa.Array) -> Any:
        return form_of(*column)

    def put(self, frame: Any, columns: Mapping[str, ArrowColumn]) -> Any:
        table = _table(frame)
        for name, (field, values) in columns.items():
            table = table.set_column(table.schema.get_field_index(name), field, values)
        return _like(frame, table)

    def take_rows(self, frame: Any, order: I64) -> Any:
        return _like(frame, taken(_table(frame), order))

    def labels(self, frame: Any) -> Any:
        return None

    def put_back(self, frame: Any, originals: Any, inverse: I64, labels: Any) -> Any:
        both = pa.concat_tables([_table(frame), _table(originals)])
        return _like(frame, taken(both, inverse).combine_chunks())

    def take(self, frame: Any, names: Sequence[str]) -> pa.Table:
        return _table(frame).select(list(names))

    def is_plain(self, column: ArrowColumn) -> bool:
        return bool(value_type(column[0].type) == column[0].type)

    def replace(self, frame: Any, name: str, column: pa.Array) -> Any:
        table = _table(frame)
        index = table.schema.get_field_index(name)
        field = table.schema.field(index)
        if field.type != column.type:
            field = pa.field(name, column.type)
        field = field.with_nullable(field.nullable or column.null_count > 0)
        return _like(frame, table.set_column(index, field, column))

    def rename(self, frame: Any, old: str, new: str) -> Any:
        return _like(frame, rename(_table(frame), old, new))

    def drop(self, frame: Any, name: str) -> Any:
        return _like(frame, _table(frame).drop_columns([name]))

    def insert(self, frame: Any, index: int, name: str, column: ArrowColumn) -> Any:
        return _like(frame, _table(frame).add_column(index, *column))

    def arranged(self, frame: Any, columns: Arrangement) -> Any:
        table = _table(frame)
        fields, contents = [], []
        for name, content in columns:
            if isinstance(content, int):
                fields.append(table.schema.field(content).with_name(name))
                contents.append(table.column(content))
            else:
                fields.append(pa.field(name, content.type))
                contents.append(content)
        return _like(frame, pa.Table.from_arrays(contents, schema=pa.schema(fields, table.schema.metadata)))


def _table(frame: Any) -> pa.Table:
    return frame if isinstance(frame, pa.Table) else pa.Table.from_batches([frame])


def _like(frame: Any, table: pa.Table) -> Any:
    if isinstance(frame, pa.Table):
        return table
    if not table.num_columns:  # made of no arrays, it would have no rows
        return frame.select([])
    columns = [joined(c) for c in table.columns]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)
