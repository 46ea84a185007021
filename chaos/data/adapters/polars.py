"""polars frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import pyarrow as pa

from chaos.data.adapters import Arrangement
from chaos.data.columns import plain, scattered
from chaos.data.rows import I64

#: Whole numbers of 128 bits, where this version of polars has them.
_POLARS_ALONE = tuple(getattr(pl, name) for name in ("Int128", "UInt128") if hasattr(pl, name))
#: Digits that a decimal in polars has, at most; it takes empty columns of more, and cannot read them.
_MOST_DIGITS = 38


class PolarsAdapter:
    """Buffers are shared both ways where the layouts agree; strings are views in polars, and are copied."""

    def names(self, frame: Any) -> Sequence[str]:
        return list(frame.columns)

    def rows(self, frame: Any) -> int:
        return int(frame.height)

    def column(self, frame: Any, name: str) -> Any:
        return frame.get_column(name)

    def type_of(self, column: Any) -> pa.DataType:
        return _values(column.head(0)).type

    def gather(self, column: Any, rows: I64 | None) -> pa.Array:
        return _to_arrow(column if rows is None or len(rows) == len(column) else column.gather(rows))

    def digits(self, column: Any, rows: I64) -> I64 | None:
        return None

    def scattered(self, column: Any, rows: I64, values: pa.Array, form: Any = None) -> Any:
        if column.dtype in (pl.String, pl.Categorical, pl.Enum) and len(rows):
            return _text_scattered(column, rows, values, form)
        changed = _series(column.name, scattered(_to_arrow(column), rows, values))
        dtype = form if form is not None else column.dtype
        return changed if changed.dtype == dtype else changed.cast(dtype)

    def form(self, column: Any, rows: I64, values: pa.Array) -> Any:
        return column.dtype

    def put(self, frame: Any, columns: Mapping[str, Any]) -> Any:
        return frame.with_columns(*columns.values())

    def take_rows(self, frame: Any, order: I64) -> Any:
        return frame[order]

    def labels(self, frame: Any) -> Any:
        return None

    def put_back(self, frame: Any, originals: Any, inverse: I64, labels: Any) -> Any:
        return pl.concat([frame, originals])[inverse]

    def take(self, frame: Any, names: Sequence[str]) -> pa.Table:
        return pa.table([_to_arrow(frame.get_column(name)) for name in names], names=list(names))

    def is_plain(self, column: Any) -> bool:
        return column.dtype not in (pl.Categorical, pl.Enum)

    def replace(self, frame: Any, name: str, column: pa.Array) -> Any:
        return frame.with_columns(_series(name, column))

    def rename(self, frame: Any, old: str, new: str) -> Any:
        return frame.rename({old: new})

    def drop(self, frame: Any, name: str) -> Any:
        return frame.drop(name)

    def insert(self, frame: Any, index: int, name: str, column: Any) -> Any:
        return frame.clone().insert_column(index, column)

    def arranged(self, frame: Any, columns: Arrangement) -> Any:
        return pl.DataFrame(
            [
                frame.to_series(content).rename(name) if isinstance(content, int) else _series(name, content)
                for name, content in columns
            ]
        )


def _text_scattered(series: Any, rows: I64, values: pa.Array, form: Any) -> Any:
    """Strings stay views, and only the new ones are written; an enum of fixed words grows by what is new."""
    dtype = form if form is not None else series.dtype
    new = pl.Series(series.name, pl.from_arrow(plain(values)), pl.String)
    changed = series.cast(pl.String).scatter(rows, new)
    if isinstance(dtype, pl.Enum) and form is None:
        words = dtype.categories
        lacking = new.drop_nulls().unique(maintain_order=True)
        dtype = pl.Enum(pl.concat([words, lacking.filter(~lacking.is_in(words.implode()))]))
    return changed.cast(dtype)


def _to_arrow(series: Any) -> pa.Array:
    if series.dtype == pl.Object:
        raise TypeError("they are objects of Python")
    if series.dtype in _POLARS_ALONE:
        raise TypeError(f"they are {series.dtype}, which is a type of polars alone")
    if isinstance(series.dtype, pl.Decimal) and (series.dtype.precision or 0) > _MOST_DIGITS:
        raise TypeError(f"they are {series.dtype}, which polars itself cannot give")
    array = series.rechunk().to_arrow()
    return array.cast(pa.large_string()) if pa.types.is_string_view(array.type) else array


def _values(series: Any) -> pa.Array:
    return plain(_to_arrow(series))


def _series(name: str, column: pa.Array) -> Any:
    return pl.Series(name, pl.from_arrow(column))
