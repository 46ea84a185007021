"""Bytes to columns of Python values in the contract's logical types, and what could not be read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reference_pipeline.ingestion.contract import Contract


class DecodeError(ValueError):
    """The payload isn't the format that it claims to be."""


@dataclass(slots=True)
class Decoded:
    """A batch in the contract's columns; ``misread`` are the rows of each column whose value had the wrong type.

    A misread value is converted where that is possible without loss, and null otherwise.
    """

    rows: int
    columns: dict[str, list[Any]]
    missing: list[str]
    extra: list[str]
    misread: dict[str, list[int]] = field(default_factory=dict)


def decode(payload: bytes, declared_format: str, contract: Contract) -> Decoded:
    """Reads a payload of any size; raises `DecodeError` when its structure is broken."""
    reader = _READERS.get(declared_format)
    if reader is None:
        raise DecodeError(f"unknown format {declared_format!r}; known are {', '.join(_READERS)}")
    rows, raw = reader(payload)
    decoded = Decoded(
        rows=rows,
        columns={},
        missing=[name for name in contract.names if name not in raw],
        extra=[name for name in raw if name not in contract.names],
    )
    if rows == 0 and declared_format == "json":
        decoded.missing = []  # an empty array names no columns
    textual = declared_format == "csv"
    for column in contract.columns:
        values = raw.get(column.name)
        if values is None:
            decoded.columns[column.name] = [None] * rows
            continue
        read, misread = _convert(values, column.type, textual)
        decoded.columns[column.name] = read
        if misread:
            decoded.misread[column.name] = misread
    return decoded


def _json(payload: bytes) -> tuple[int, dict[str, list[Any]]]:
    try:
        records = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"not JSON: {error}") from error
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise DecodeError("not a JSON array of objects")
    names = dict.fromkeys(name for record in records for name in record)
    return len(records), {name: [record.get(name) for record in records] for name in names}


def _csv(payload: bytes) -> tuple[int, dict[str, list[Any]]]:
    try:
        lines = list(csv.reader(io.StringIO(payload.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DecodeError(f"not CSV: {error}") from error
    if not lines:
        raise DecodeError("CSV without a header")
    header, *rows = lines
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise DecodeError(f"CSV line {number} has {len(row)} fields, the header {len(header)}")
    return len(rows), {name: [row[i] or None for row in rows] for i, name in enumerate(header)}


def _parquet(payload: bytes) -> tuple[int, dict[str, list[Any]]]:
    try:
        table = pq.read_table(pa.BufferReader(payload), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise DecodeError(f"not Parquet: {error}") from error
    return len(table), {name: table[name].to_pylist() for name in table.column_names}


_READERS: dict[str, Callable[[bytes], tuple[int, dict[str, list[Any]]]]] = {
    "json": _json,
    "csv": _csv,
    "parquet": _parquet,
}


def _convert(values: Sequence[Any], kind: str, textual: bool) -> tuple[list[Any], list[int]]:
    """The values in the logical type, and the rows that had another type."""
    if kind == "string":
        exact: Callable[[Any], Any] = _string
    elif textual:
        exact = _FROM_TEXT[kind]
    else:
        exact = _FROM_VALUE[kind]
    read: list[Any] = []
    misread: list[int] = []
    for row, value in enumerate(values):
        if value is None:
            read.append(None)
            continue
        try:
            read.append(exact(value))
        except (TypeError, ValueError, OverflowError):
            misread.append(row)
            read.append(_salvage(value, kind))
    return read, misread


def _salvage(value: Any, kind: str) -> Any:
    """What a tolerant reader makes of a value of the wrong type: the value converted, or None."""
    if kind == "string":
        return str(value)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if not isfinite(number) or abs(number) >= 2**63:
        return None
    return number if kind == "float64" else int(number)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
        raise TypeError
    return value


def _integer_text(value: str) -> int:
    return _integer(int(value))


def _number(value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not isfinite(value):
        raise TypeError
    return float(value)


def _number_text(value: str) -> float:
    return _number(float(value))


def _instant(value: Any) -> int:
    """Epoch seconds of ISO 8601 text with a zone, or of an instant that Parquet already knows as such."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(at, datetime):
        raise TypeError
    if at.tzinfo is None:
        raise ValueError
    return int(at.astimezone(UTC).timestamp())


_FROM_VALUE: dict[str, Callable[[Any], Any]] = {
    "int64": _integer,
    "float64": _number,
    "timestamp": _instant,
}
_FROM_TEXT: dict[str, Callable[[Any], Any]] = {
    "int64": _integer_text,
    "float64": _number_text,
    "timestamp": _instant,
}
