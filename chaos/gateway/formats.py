"""Batches read from and written to CSV, JSON and Parquet: what no fault touched comes out as it went in."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from chaos.errors import PayloadError
from chaos.gateway.batch import ABSENT, DECLARED, Batch, BatchRef
from chaos.gateway.column_types import text_carried
from chaos.gateway.parquet_codecs import codecs_for

#: Field metadata of JSON: the column's number in the lists of `ABSENT`. It goes with a renamed column.
_SLOT = b"absent"
#: Field metadata of text formats: the producer writes 5, not 5.0, in this column of fractions.
_SHORT = b"short"


def decode(payload: bytes, ref: BatchRef) -> Batch:
    """Read a payload as its manifest says; raises `PayloadError` if that is impossible."""
    read, _ = _codec(ref)
    try:
        batch = read(payload, ref)
    # OSError: Arrow reports a Parquet file that ends early as one. RecursionError: JSON nested without end.
    except (pa.ArrowException, ValueError, TypeError, KeyError, OSError, RecursionError) as error:
        raise PayloadError(f"batch {ref.batch_id!r} is no readable {ref.format}: {error}") from None
    table = batch.table
    fields = [
        f.with_metadata({**(f.metadata or {}), DECLARED: ref.columns[f.name].encode()}) if f.name in ref.columns else f
        for f in table.schema
    ]
    return batch.with_table(table.cast(pa.schema(fields, table.schema.metadata)))


def _require_once(names: Sequence[str], ref: BatchRef) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise PayloadError(f"batch {ref.batch_id!r} has more than one column {repeated[0]!r}")


def encode(batch: Batch) -> bytes:
    """The payload in the manifest's format: the same table gives the same bytes. Raises `PayloadError`."""
    _, write = _codec(batch.ref)
    try:
        return write(batch)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise PayloadError(f"batch {batch.ref.batch_id!r} cannot be written as {batch.ref.format}: {error}") from None


def _codec(ref: BatchRef) -> tuple[Callable[[bytes, BatchRef], Batch], Callable[[Batch], bytes]]:
    try:
        return _CODECS[ref.format]
    except KeyError:
        known = ", ".join(_CODECS)
        raise PayloadError(f"batch {ref.batch_id!r} has unknown format {ref.format!r}; formats: {known}") from None


# -- CSV


def _read_csv(payload: bytes, ref: BatchRef) -> Batch:
    types = {name: text_carried(kind) for name, kind in ref.columns.items()}
    options = pa.csv.ConvertOptions(
        column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
    )
    table = pa.csv.read_csv(io.BytesIO(payload), convert_options=options).combine_chunks()
    _require_once(table.schema.names, ref)
    fractions = [f.name for f in table.schema if pa.types.is_floating(f.type)]
    if not fractions:
        return Batch(table, ref)
    as_text = pa.csv.ConvertOptions(column_types=dict.fromkeys(fractions, pa.string()), include_columns=fractions)
    texts = pa.csv.read_csv(io.BytesIO(payload), convert_options=as_text)
    short = [n for n in fractions if pc.any(pc.match_substring_regex(texts.column(n), r"^-?\d+$")).as_py()]
    return Batch(_marked(table, short), ref)


def _marked(table: pa.Table, short: Sequence[str]) -> pa.Table:
    """The table with a note on the columns whose whole values are written without a fraction."""
    fields = [f.with_metadata({**(f.metadata or {}), _SHORT: b"1"}) if f.name in short else f for f in table.schema]
    return table.cast(pa.schema(fields)) if short else table


def _as_written(table: pa.Table, name: str) -> list[Any]:
    """The column's values as its producer writes them."""
    values: list[Any] = table.column(name).to_pylist()
    if _SHORT in (table.schema.field(name).metadata or {}):
        return [int(v) if isinstance(v, float) and v.is_integer() and abs(v) < 2**53 else v for v in values]
    return values


def _write_csv(batch: Batch) -> bytes:
    # Not Arrow's writer: it prints 11.0 as 11, and the next reader would take a float column for whole numbers.
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(batch.names)
    writer.writerows(zip(*(_texts(batch.table, name) for name in batch.names), strict=True))
    return out.getvalue().encode()


def _texts(table: pa.Table, name: str) -> list[Any]:
    values, kind = _as_written(table, name), table.schema.field(name).type
    if pa.types.is_boolean(kind):
        return ["" if v is None else str(v).lower() for v in values]
    if kind.num_fields:
        return ["" if v is None else json.dumps(v, separators=(",", ":"), default=str) for v in values]
    return ["" if v is None else v for v in values]


# -- JSON


def _read_json(payload: bytes, ref: BatchRef) -> Batch:
    records = json.loads(payload)
    if not isinstance(records, list) or not all(isinstance(r, dict) for r in records):
        raise PayloadError(f"batch {ref.batch_id!r}: expected a JSON array of objects")
    names = list(dict.fromkeys(name for record in records for name in record)) or list(ref.columns)
    arrays, short = [], []
    for name in names:
        values = [record.get(name) for record in records]
        declared = text_carried(ref.columns[name]) if name in ref.columns else None
        nested = any(isinstance(v, dict | list) for v in values)
        arrays.append(pa.array(values, None if nested else declared))
        if pa.types.is_floating(arrays[-1].type) and any(type(v) is int for v in values):
            short.append(name)
    table = _marked(pa.table(dict(zip(names, arrays, strict=True))), short)
    return Batch(_with_absent(table, records, names) if records else table, ref)


def _with_absent(table: pa.Table, records: Sequence[dict[str, Any]], names: Sequence[str]) -> pa.Table:
    """The table with a note of the fields that each record lacks: null is another thing than absent."""
    if all(len(record) == len(names) for record in records):
        return table
    lacks = [[slot for slot, name in enumerate(names) if name not in record] for record in records]
    numbered = [
        f.with_metadata({**(f.metadata or {}), _SLOT: str(slot).encode()}) for slot, f in enumerate(table.schema)
    ]
    table = table.cast(pa.schema(numbered))
    return table.append_column(ABSENT, pa.array(lacks, pa.list_(pa.int32())))


def _write_json(batch: Batch) -> bytes:
    table, names = batch.table, batch.names
    columns = [[None if v != v else v for v in _as_written(table, name)] for name in names]
    records = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    if ABSENT in table.schema.names:
        named = {int(f.metadata[_SLOT]): f.name for f in table.schema if f.metadata and _SLOT in f.metadata}
        for record, lacks in zip(records, table.column(ABSENT).to_pylist(), strict=True):
            for name in (named[slot] for slot in lacks or () if slot in named):
                if record[name] is None:  # a fault may have given it a value
                    del record[name]
    return json.dumps(records, separators=(",", ":"), default=str).encode()


# -- Parquet


def _read_parquet(payload: bytes, ref: BatchRef) -> Batch:
    file = pq.ParquetFile(io.BytesIO(payload))
    _require_once(file.schema_arrow.names, ref)
    compression: dict[str, str] = {}
    if file.metadata.num_row_groups:
        group = file.metadata.row_group(0)
        for index in range(group.num_columns):
            column = group.column(index)
            compression[column.path_in_schema] = column.compression.lower()
    return Batch(file.read().combine_chunks(), ref, compression=compression)


def _write_parquet(batch: Batch) -> bytes:
    out = io.BytesIO()
    table = batch.table.select(batch.names)
    plain = pa.schema([_undeclared(f) for f in table.schema], table.schema.metadata)
    pq.write_table(table.cast(plain), out, compression=codecs_for(batch.compression, plain))
    return out.getvalue()


def _undeclared(f: pa.Field) -> pa.Field:
    kept = {k: v for k, v in (f.metadata or {}).items() if k != DECLARED}
    return f.with_metadata(kept) if kept else f.remove_metadata()


_CODECS: dict[str, tuple[Callable[[bytes, BatchRef], Batch], Callable[[Batch], bytes]]] = {
    "csv": (_read_csv, _write_csv),
    "json": (_read_json, _write_json),
    "parquet": (_read_parquet, _write_parquet),
}
