"""One table as a frame of each kind, and what a frame holds, as plain Python values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from chaos.data.adapters import adapter_of
from chaos.registry import registry

KINDS = ("arrow", "pandas", "pandas-arrow", "polars")
ROWS = 300
#: Every data fault, by name.
DATA_FAULTS = [name for name in registry.names() if name.startswith("data.")]


def frame_of(kind: str, table: pa.Table) -> Any:
    """The table as a frame of the kind."""
    if kind == "arrow":
        return table
    if kind == "polars":
        return pl.from_arrow(table)
    return table.to_pandas(types_mapper=pd.ArrowDtype) if kind == "pandas-arrow" else table.to_pandas()


def values_of(frame: Any) -> dict[str, list[Any]]:
    """What a frame holds: nulls of any kind as None, times as whole nanoseconds, objects as they are."""
    adapter = adapter_of(frame)
    columns = {str(name): adapter.column(frame, name) for name in adapter.names(frame)}
    return {name: _objects(column) or _values(adapter.gather(column, None)) for name, column in columns.items()}


def _objects(column: Any) -> list[Any] | None:
    """The decimals of a column of Python objects: an array of them would give all the digits of the longest."""
    if not isinstance(column, pd.Series) or column.dtype != object or pd.api.types.infer_dtype(column) != "decimal":
        return None
    return [None if pd.isna(value) else value for value in column]


def _values(array: pa.Array) -> list[Any]:
    if pa.types.is_timestamp(array.type):
        array = array.cast(pa.timestamp("ns", array.type.tz), safe=False).cast(pa.int64())
    return [None if isinstance(value, float) and value != value else value for value in array.to_pylist()]


def mixed_table(rows: int = ROWS) -> pa.Table:
    """A column of each common type, some values missing."""
    i = np.arange(rows)
    text = [None if k % 11 == 0 else f"flight {k % 40} Zürich" for k in range(rows)]
    return pa.table(
        {
            "f64": pa.array(i * 0.5, mask=i % 13 == 0),
            "f32": pa.array(i.astype(np.float32)),
            "i64": pa.array(i * 3 - 50),
            "i16": pa.array((i % 100).astype(np.int16)),
            "u8": pa.array((i % 200).astype(np.uint8)),
            "flag": pa.array(i % 3 == 0),
            "text": pa.array(text),
            "cat": pa.array([f"c{k % 4}" for k in range(rows)]).dictionary_encode(),
            "us": pa.array(i * 60_000_001, pa.timestamp("us")),
            "tz": pa.array(i * 60_000_000, pa.timestamp("us", "America/New_York")),
            "seg": pa.array([("JFK", "EWR", "LGA")[k % 3] for k in range(rows)]),
        }
    )
