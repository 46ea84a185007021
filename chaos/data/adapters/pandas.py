"""pandas frames. Every dtype comes back as it was; whole numbers and flags that get nulls become nullable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from chaos.data.columns import joined
from chaos.data.rows import I64


class PandasAdapter:
    """Positions, never labels: a duplicate or unsorted index makes no difference."""

    def names(self, frame: pd.DataFrame) -> Sequence[Any]:
        return list(frame.columns)

    def take(self, frame: pd.DataFrame, names: Sequence[str]) -> pa.Table:
        # A list of arrays keeps the row count even where no column is named.
        return pa.table([_to_arrow(frame[name]) for name in names], names=list(names))

    def set_cells(self, frame: pd.DataFrame, name: str, column: pa.Array, rows: I64) -> pd.DataFrame:
        return _assign(frame, name, _cells(frame[name], column, rows))

    def replace(self, frame: pd.DataFrame, name: str, column: pa.Array) -> pd.DataFrame:
        return _assign(frame, name, _from_arrow(column))

    def rename(self, frame: pd.DataFrame, old: str, new: str) -> pd.DataFrame:
        out = frame.copy(deep=False)
        out.columns = pd.Index([new if n == old else n for n in frame.columns], name=frame.columns.name)
        return out

    def drop(self, frame: pd.DataFrame, name: str) -> pd.DataFrame:
        return frame.drop(columns=[name])

    def insert(self, frame: pd.DataFrame, index: int, name: str, column: pa.Array) -> pd.DataFrame:
        out = frame.copy(deep=False)
        out.insert(index, name, _from_arrow(column))
        return out


def _assign(frame: pd.DataFrame, name: str, values: Any) -> pd.DataFrame:
    out = frame.copy(deep=False)
    out.isetitem(list(frame.columns).index(name), values)
    return out


def _to_arrow(series: pd.Series[Any]) -> pa.Array:
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iufb":
        return pa.array(series.to_numpy(), from_pandas=True)  # NaN is how these columns say null
    array = pa.array(series, from_pandas=True)
    return joined(array) if isinstance(array, pa.ChunkedArray) else array


def _cells(series: pd.Series[Any], column: pa.Array, rows: I64) -> Any:
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        if dtype.kind == "f":
            return column.to_numpy(zero_copy_only=False).astype(dtype, copy=False)
        if dtype.kind == "O":
            # Only the victims are written, so that None and NaN stay what each of them was.
            objects = series.to_numpy(copy=True)
            objects[rows] = np.array([*column.take(pa.array(rows)).to_pylist(), None], dtype=object)[:-1]
            # As a series: a bare array of objects would be guessed to be of strings.
            return pd.Series(objects, index=series.index, dtype=object, copy=False)
        return _from_arrow(column)
    if isinstance(dtype, pd.CategoricalDtype):
        codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return pd.Categorical.from_codes(codes, dtype=dtype)
    if isinstance(dtype, pd.ArrowDtype):
        return pd.arrays.ArrowExtensionArray(pa.chunked_array([column]))
    return pd.array(_from_arrow(column), dtype=dtype)


def _from_arrow(column: pa.Array) -> Any:
    """The values in pandas' own dtype for the Arrow type."""
    kind = column.type
    if column.null_count and (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        missing = np.asarray(column.is_null().to_numpy(zero_copy_only=False))
        filled = column.fill_null(False if pa.types.is_boolean(kind) else 0)
        values = filled.to_numpy(zero_copy_only=False)
        if pa.types.is_boolean(kind):
            return pd.arrays.BooleanArray(np.array(values, dtype=bool), missing)
        return pd.arrays.IntegerArray(np.array(values), missing)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return column.to_numpy(zero_copy_only=False)
    return column.to_pandas().array
