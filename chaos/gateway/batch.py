"""A batch: a table with its manifest, read from and written to CSV, JSON and Parquet."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from chaos.errors import PayloadError
from chaos.gateway.column_types import text_carried, type_name

#: Field metadata: the name that the manifest had for the column's type.
_DECLARED = b"declared"
#: Rows that a batch may have before its sequence would run into the next one's row ids.
_ROWS_PER_BATCH = 1 << 32


@dataclass(frozen=True, slots=True)
class BatchRef:
    """A manifest. ``source_id`` is the upstream batch that the payload comes from, if it is another one."""

    batch_id: str
    feed: str
    sequence: int
    window_start: Any
    window_end: Any
    produced_at: float
    rows: int
    columns: Mapping[str, str]
    format: str
    sha256: str
    contract_version: Any = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    source_id: str | None = None

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> BatchRef:
        """Read a manifest, keeping what it does not know; raises `PayloadError` naming what is missing."""
        missing = [name for name in _REQUIRED if name not in raw]
        if missing:
            raise PayloadError(f"manifest {raw.get('batch_id', '?')!r} lacks {', '.join(missing)}")
        known = {name: raw[name] for name in (*_REQUIRED, "contract_version") if name in raw}
        extra = {name: value for name, value in raw.items() if name not in known}
        return cls(**known, extra=extra)

    def to_json(self) -> dict[str, Any]:
        """The manifest as JSON."""
        known = {name: getattr(self, name) for name in (*_REQUIRED, "contract_version")}
        known["columns"] = dict(self.columns)
        return known | dict(self.extra)

    @property
    def first_row(self) -> int:
        """The id of the batch's first row: where the feed says it is, else a place of its own by sequence."""
        offset = self.extra.get("row_offset")
        return int(offset) if offset is not None else self.sequence * _ROWS_PER_BATCH

    def describing(self, table: pa.Table, payload: bytes) -> BatchRef:
        """The manifest that a producer of this table would have written."""
        columns = {f.name: (f.metadata or {}).get(_DECLARED, b"").decode() or type_name(f.type) for f in table.schema}
        digest = hashlib.sha256(payload).hexdigest()
        return replace(self, rows=table.num_rows, columns=columns, sha256=digest)


_REQUIRED = (
    *("batch_id", "feed", "sequence", "window_start", "window_end", "produced_at"),
    *("rows", "columns", "format", "sha256"),
)


@dataclass(frozen=True, slots=True)
class Batch:
    """A table and the manifest it came with."""

    table: pa.Table
    ref: BatchRef

    def with_table(self, table: pa.Table) -> Batch:
        """The batch with another table."""
        return self if table is self.table else replace(self, table=table)

    def column_types(self) -> dict[str, str]:
        """{column: type} of the table as it is now."""
        return {f.name: type_name(f.type) for f in self.table.schema}

    @classmethod
    def of(cls, table: pa.Table, *, feed: str = "frame", first_row: int = 0) -> Batch:
        """A batch around a table that has no manifest."""
        columns = {f.name: type_name(f.type) for f in table.schema}
        extra = {"row_offset": first_row}
        return cls(table, BatchRef("", feed, 0, None, None, 0.0, table.num_rows, columns, "table", "", None, extra))


def decode(payload: bytes, ref: BatchRef) -> Batch:
    """Read a payload as its manifest says; raises `PayloadError` if that is impossible."""
    read, _ = _codec(ref)
    try:
        table = read(payload, ref)
    except (pa.ArrowException, ValueError, TypeError, KeyError) as error:
        raise PayloadError(f"batch {ref.batch_id!r} is no readable {ref.format}: {error}") from None
    fields = [
        f.with_metadata({**(f.metadata or {}), _DECLARED: ref.columns[f.name].encode()}) if f.name in ref.columns else f
        for f in table.schema
    ]
    return Batch(table.cast(pa.schema(fields, table.schema.metadata)), ref)


def encode(batch: Batch) -> bytes:
    """The payload in the manifest's format: the same table gives the same bytes."""
    _, write = _codec(batch.ref)
    plain = [_undeclared(f) for f in batch.table.schema]
    return write(batch.table.cast(pa.schema(plain, batch.table.schema.metadata)))


def _undeclared(f: pa.Field) -> pa.Field:
    kept = {k: v for k, v in (f.metadata or {}).items() if k != _DECLARED}
    return f.with_metadata(kept) if kept else f.remove_metadata()


def _codec(ref: BatchRef) -> tuple[Callable[[bytes, BatchRef], pa.Table], Callable[[pa.Table], bytes]]:
    try:
        return _CODECS[ref.format]
    except KeyError:
        known = ", ".join(_CODECS)
        raise PayloadError(f"batch {ref.batch_id!r} has unknown format {ref.format!r}; formats: {known}") from None


def _read_csv(payload: bytes, ref: BatchRef) -> pa.Table:
    types = {name: text_carried(kind) for name, kind in ref.columns.items()}
    options = pa.csv.ConvertOptions(
        column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
    )
    return pa.csv.read_csv(io.BytesIO(payload), convert_options=options).combine_chunks()


def _write_csv(table: pa.Table) -> bytes:
    # Not Arrow's writer: it prints 11.0 as 11, and the next reader would take a float column for whole numbers.
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.schema.names)
    writer.writerows(zip(*(_texts(column) for column in table.columns), strict=True))
    return out.getvalue().encode()


def _texts(column: pa.ChunkedArray) -> list[Any]:
    values = column.to_pylist()
    if pa.types.is_boolean(column.type):
        return ["" if v is None else str(v).lower() for v in values]
    return ["" if v is None else v for v in values]


def _read_json(payload: bytes, ref: BatchRef) -> pa.Table:
    records = json.loads(payload)
    if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise PayloadError(f"batch {ref.batch_id!r}: expected a JSON array of objects")
    names = list(dict.fromkeys(name for record in records for name in record)) or list(ref.columns)
    arrays = []
    for name in names:
        values = [record.get(name) for record in records]
        declared = text_carried(ref.columns[name]) if name in ref.columns else None
        nested = any(isinstance(v, dict | list) for v in values)
        arrays.append(pa.array(values, None if nested else declared))
    return pa.table(dict(zip(names, arrays, strict=True)))


def _write_json(table: pa.Table) -> bytes:
    names = table.schema.names
    columns = [[None if v != v else v for v in column.to_pylist()] for column in table.columns]
    records = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return json.dumps(records, separators=(",", ":"), default=str).encode()


def _read_parquet(payload: bytes, _: BatchRef) -> pa.Table:
    return pq.read_table(io.BytesIO(payload)).combine_chunks()


def _write_parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


_CODECS: dict[str, tuple[Callable[[bytes, BatchRef], pa.Table], Callable[[pa.Table], bytes]]] = {
    "csv": (_read_csv, _write_csv),
    "json": (_read_json, _write_json),
    "parquet": (_read_parquet, _write_parquet),
}
