"""pyarrow tables and record batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from chaos.data.columns import joined
from chaos.data.ledger import rename
from chaos.data.rows import I64


class ArrowAdapter:
    """Metadata of the schema and of untouched fields are kept."""

    def names(self, frame: Any) -> Sequence[str]:
        return list(frame.schema.names)

    def take(self, frame: Any, names: Sequence[str]) -> pa.Table:
        return _table(frame).select(list(names))

    def set_cells(self, frame: Any, name: str, column: pa.Array, rows: I64) -> Any:
        field = frame.schema.field(name)
        if column.null_count and not field.nullable:
            field = field.with_nullable(True)
        return self._put(frame, field, column)

    def replace(self, frame: Any, name: str, column: pa.Array) -> Any:
        return self._put(frame, pa.field(name, column.type), column)

    def rename(self, frame: Any, old: str, new: str) -> Any:
        return _like(frame, rename(_table(frame), old, new))

    def drop(self, frame: Any, name: str) -> Any:
        return _like(frame, _table(frame).drop_columns([name]))

    def insert(self, frame: Any, index: int, name: str, column: pa.Array) -> Any:
        return _like(frame, _table(frame).add_column(index, name, column))

    def _put(self, frame: Any, field: pa.Field, column: pa.Array) -> Any:
        index = frame.schema.get_field_index(field.name)
        return _like(frame, _table(frame).set_column(index, field, column))


def _table(frame: Any) -> pa.Table:
    return frame if isinstance(frame, pa.Table) else pa.Table.from_batches([frame])


def _like(frame: Any, table: pa.Table) -> Any:
    if isinstance(frame, pa.Table):
        return table
    columns = [joined(c) for c in table.columns]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)
