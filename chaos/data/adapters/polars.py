"""polars frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from chaos.data.rows import I64


class PolarsAdapter:
    """Buffers are shared both ways."""

    def names(self, frame: Any) -> Sequence[str]:
        return list(frame.columns)

    def take(self, frame: Any, names: Sequence[str]) -> pa.Table:
        return pa.table([_to_arrow(frame.get_column(name)) for name in names], names=list(names))

    def set_cells(self, frame: Any, name: str, column: pa.Array, rows: I64) -> Any:
        series = _series(name, column)
        dtype = frame.schema[name]
        return frame.with_columns(series if series.dtype == dtype else series.cast(dtype))

    def replace(self, frame: Any, name: str, column: pa.Array) -> Any:
        return frame.with_columns(_series(name, column))

    def rename(self, frame: Any, old: str, new: str) -> Any:
        return frame.rename({old: new})

    def drop(self, frame: Any, name: str) -> Any:
        return frame.drop(name)

    def insert(self, frame: Any, index: int, name: str, column: pa.Array) -> Any:
        return frame.clone().insert_column(index, _series(name, column))


def _to_arrow(series: Any) -> pa.Array:
    array = series.rechunk().to_arrow()
    if pa.types.is_string_view(array.type):
        return array.cast(pa.large_string())
    return array


def _series(name: str, column: pa.Array) -> Any:
    return pl.Series(name, pl.from_arrow(column))
