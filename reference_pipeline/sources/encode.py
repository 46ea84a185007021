"""A table as a provider sends it: JSON records, CSV with a header, or Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reference_pipeline.sources.feeds import Feed


def encode(feed: Feed, table: pa.Table) -> bytes:
    """The payload of a batch."""
    if feed.format == "parquet":
        return _parquet(table)
    columns = _texts(feed.columns, table)
    return _json(columns) if feed.format == "json" else _csv(columns)


def _texts(types: Mapping[str, str], table: pa.Table) -> dict[str, list[Any]]:
    """Plain Python columns; timestamps become ISO 8601 text."""
    columns = {name: table[name].to_pylist() for name in types}
    for name, kind in types.items():
        if kind == "timestamp":
            columns[name] = [None if at is None else _iso(at) for at in columns[name]]
    return columns


def _iso(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _json(columns: Mapping[str, list[Any]]) -> bytes:
    names = list(columns)
    records = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return json.dumps(records, separators=(",", ":")).encode()


def _csv(columns: Mapping[str, list[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def _parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(None), sink, compression="zstd")
    return bytes(sink.getvalue())
