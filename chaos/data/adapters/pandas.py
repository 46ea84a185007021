"""pandas frames. Every dtype comes back as it was; whole numbers and flags that get nulls become nullable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from chaos.data.adapters import Arrangement
from chaos.data.adapters.objects import digits_of_objects, from_objects, to_objects, type_of_objects
from chaos.data.columns import (
    gathered,
    in_words,
    is_laid_out_otherwise,
    joined,
    plain,
    scattered_over,
    taken,
    value_type,
)
from chaos.data.rows import I64
from chaos.data.source import read


class PandasAdapter:
    """Positions, never labels: a duplicate or unsorted index makes no difference."""

    def __init__(self) -> None:
        # By identity, with the column, so that no other one gets its place in memory.
        self._objects: dict[int, tuple[pd.Series[Any], pa.DataType]] = {}

    def names(self, frame: pd.DataFrame) -> Sequence[Any]:
        names: list[Any] = frame.columns.tolist()
        return names

    def rows(self, frame: pd.DataFrame) -> int:
        return len(frame)

    def column(self, frame: pd.DataFrame, name: str) -> pd.Series[Any]:
        return frame[name]

    def type_of(self, column: pd.Series[Any]) -> pa.DataType:
        dtype = column.dtype
        if isinstance(dtype, np.dtype):
            if dtype.kind in "iufbM":
                return pa.from_numpy_dtype(dtype if dtype.isnative else dtype.newbyteorder("="))
            if dtype.kind == "O":
                return self._type_of_objects(column)
        if _in_arrow(dtype):
            return value_type(_chunks(column).type)
        return value_type(_to_arrow(column.iloc[:0]).type)

    def gather(self, column: pd.Series[Any], rows: I64 | None) -> pa.Array:
        dtype = column.dtype
        if rows is not None and len(rows) == len(column):
            rows = None
        if isinstance(dtype, np.dtype) and dtype.kind == "O":
            objects = column.to_numpy()
            return from_objects(objects if rows is None else objects.take(rows), self._type_of_objects(column))
        if rows is None:
            return read(_chunks(column), None) if isinstance(dtype, pd.ArrowDtype) else _to_arrow(column)
        if isinstance(dtype, np.dtype):
            return _from_numpy(column.to_numpy().take(rows))
        if isinstance(dtype, pd.CategoricalDtype):
            return _gathered_categories(column, rows)
        if _in_arrow(dtype):
            return gathered(_chunks(column), rows)
        return _to_arrow(pd.Series(column.array.take(rows), copy=False))

    def digits(self, column: pd.Series[Any], rows: I64) -> I64 | None:
        if not (isinstance(column.dtype, np.dtype) and column.dtype.kind == "O"):
            return None
        if not pa.types.is_decimal128(self._type_of_objects(column)):
            return None
        return digits_of_objects(column.to_numpy().take(rows))

    def scattered(self, column: pd.Series[Any], rows: I64, values: pa.Array, form: Any = None) -> pd.Series[Any]:
        if isinstance(form, np.ndarray):
            return _with_objects(column, rows, form)
        changed = _scattered(column, rows, values)
        if isinstance(form, tuple):
            changed = _with_words(changed, form[1])
        elif form is not None and changed.dtype != form:
            changed = _as_it_was(changed, form)
        return changed if isinstance(changed, pd.Series) else pd.Series(changed, index=column.index, copy=False)

    def form(self, column: pd.Series[Any], rows: I64, values: pa.Array) -> Any:
        dtype = column.dtype
        if (
            isinstance(dtype, np.dtype)
            and dtype.kind == "O"
            and not (pa.types.is_string(values.type) and not values.null_count)
        ):
            return column.to_numpy().take(rows)  # which null, or which kind of list, each of them was
        if isinstance(dtype, pd.ArrowDtype) and pa.types.is_dictionary(dtype.pyarrow_dtype):
            return dtype, _to_arrow(column).dictionary
        return dtype

    def put(self, frame: pd.DataFrame, columns: Mapping[str, pd.Series[Any]]) -> pd.DataFrame:
        out = frame.copy(deep=False)
        for name, column in columns.items():  # series of our own, which pandas takes as they are
            out.isetitem(cast(Any, frame.columns.get_loc(name)), cast(Any, column))
        return out

    def take_rows(self, frame: pd.DataFrame, order: I64) -> pd.DataFrame:
        return _taken(frame, order)

    def labels(self, frame: pd.DataFrame) -> Any:
        return frame.index

    def put_back(self, frame: pd.DataFrame, originals: pd.DataFrame, inverse: I64, labels: Any) -> pd.DataFrame:
        both: pd.DataFrame = pd.concat([frame, originals]) if len(originals) else frame
        out = _taken(both, inverse)
        for place, dtype in enumerate(frame.dtypes):
            if isinstance(dtype, np.dtype) and not dtype.isnative:  # which does not survive being put together
                out.isetitem(place, cast(Any, out.iloc[:, place].astype(dtype)))
        out.index = labels  # a range is a range again, and times have the frequency that they had
        return out

    def take(self, frame: pd.DataFrame, names: Sequence[str]) -> pa.Table:
        # A list of arrays keeps the row count even where no column is named.
        return pa.table([self.gather(frame[name], None) for name in names], names=list(names))

    def is_plain(self, column: pd.Series[Any]) -> bool:
        dtype = column.dtype
        if isinstance(dtype, np.dtype):
            return dtype.kind in "iufbM"
        return isinstance(dtype, pd.StringDtype) and dtype == pd.Series([""]).dtype

    def replace(self, frame: pd.DataFrame, name: str, column: pa.Array) -> pd.DataFrame:
        return self.put(frame, {name: pd.Series(_from_arrow(column), index=frame.index, copy=False)})

    def rename(self, frame: pd.DataFrame, old: str, new: str) -> pd.DataFrame:
        out = frame.copy(deep=False)
        names = frame.columns
        if isinstance(names, pd.CategoricalIndex) and new not in names.categories:
            out.columns = names.rename_categories({old: new})  # and back, which a list of names would not lead
            return out
        out.columns = pd.Index([new if n == old else n for n in frame.columns], name=frame.columns.name)
        return out

    def drop(self, frame: pd.DataFrame, name: str) -> pd.DataFrame:
        return frame.drop(columns=[name])

    def insert(self, frame: pd.DataFrame, index: int, name: str, column: pd.Series[Any]) -> pd.DataFrame:
        out = frame.copy(deep=False)
        out.insert(index, name, column)
        return out

    def arranged(self, frame: pd.DataFrame, columns: Arrangement) -> pd.DataFrame:
        in_arrow = len(frame.columns) > 0 and all(isinstance(dtype, pd.ArrowDtype) for dtype in frame.dtypes)
        contents: dict[int, Any] = {}
        for at, (_, content) in enumerate(columns):
            if isinstance(content, int):
                contents[at] = frame.iloc[:, content]
            else:
                values = pd.arrays.ArrowExtensionArray(content) if in_arrow else _from_arrow(joined(content))
                contents[at] = pd.Series(values, index=frame.index, copy=False)
        out = pd.DataFrame(contents, index=frame.index, copy=False)
        kind = object if frame.columns.dtype == object else None
        out.columns = pd.Index([name for name, _ in columns], dtype=kind, name=frame.columns.name)
        return cast(Any, out).__finalize__(frame)  # type: ignore[no-any-return]  # what else the frame carries

    def _type_of_objects(self, column: pd.Series[Any]) -> pa.DataType:
        """The type of a column of objects, looked for once, since some of them may not tell it."""
        if id(column) not in self._objects:
            self._objects[id(column)] = column, type_of_objects(column)
        return self._objects[id(column)][1]


def _taken(frame: pd.DataFrame, order: I64) -> pd.DataFrame:
    """The frame's rows in this order; columns that pandas takes nothing from are taken from here."""
    odd = [place for place, dtype in enumerate(frame.dtypes) if _not_taken(dtype)]
    if not odd:
        return frame.take(order)
    out = frame.iloc[:, [place for place in range(frame.shape[1]) if place not in odd]].take(order)
    for place in odd:
        column = frame.iloc[:, place]
        values: Any
        if isinstance(column.dtype, np.dtype):
            values = column.to_numpy().take(order)
        else:
            values = pd.arrays.ArrowExtensionArray(taken(pa.table([_chunks(column)], names=["x"]), order).column(0))
        out.insert(place, column.name, pd.Series(values, index=out.index, copy=False), allow_duplicates=True)
    out.columns = frame.columns
    return out


def _not_taken(dtype: Any) -> bool:
    """Numbers in the other byte order, and what Arrow holds as views or runs."""
    if isinstance(dtype, np.dtype):
        return not dtype.isnative
    return isinstance(dtype, pd.ArrowDtype) and is_laid_out_otherwise(dtype.pyarrow_dtype)


def _from_numpy(values: Any) -> pa.Array:
    kind = values.dtype.kind
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    # NaN is how these columns say null; looking for it first is faster than having Arrow do it, and then nothing is
    # copied.
    return pa.array(values, from_pandas=kind == "f" and bool(np.isnan(values).any()))


def _to_arrow(series: pd.Series[Any]) -> pa.Array:
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iufb":
        return _from_numpy(series.to_numpy())
    if isinstance(series.dtype, pd.SparseDtype):
        raise TypeError(f"they are {series.dtype}, which is a type of pandas alone")
    array = pa.array(series, from_pandas=True)
    if isinstance(series.dtype, pd.CategoricalDtype) and isinstance(array.type.value_type, pa.BaseExtensionType):
        return pa.DictionaryArray.from_arrays(array.indices, _words(series.dtype))
    if isinstance(array.type, pa.BaseExtensionType):
        raise TypeError(f"they are {series.dtype}, which is a type of pandas alone")
    return joined(array) if isinstance(array, pa.ChunkedArray) else array


def _in_arrow(dtype: Any) -> bool:
    """Whether a column of the dtype is held in Arrow's layout."""
    return isinstance(dtype, pd.ArrowDtype) or (isinstance(dtype, pd.StringDtype) and dtype.storage == "pyarrow")


def _chunks(series: pd.Series[Any]) -> pa.ChunkedArray:
    """A column that is held in Arrow's layout, as it is held."""
    column = cast(Any, series.array).__arrow_array__()
    return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])


def _scattered(series: pd.Series[Any], rows: I64, values: pa.Array) -> Any:
    """A copy of the column with other values at some rows."""
    dtype = series.dtype
    if not isinstance(dtype, pd.CategoricalDtype):
        values = plain(values)
    if isinstance(dtype, np.dtype):
        return _scattered_numpy(series, rows, values, dtype)
    if isinstance(dtype, pd.CategoricalDtype):
        return _scattered_codes(series, rows, values, dtype)
    if _in_arrow(dtype):
        changed = scattered_over(_chunks(series), rows, values)
        return pd.arrays.ArrowExtensionArray(changed) if isinstance(dtype, pd.ArrowDtype) else pd.array(changed, dtype)
    out = series.array.copy()
    if isinstance(out, pd.arrays.FloatingArray):  # in which NaN is a number, and not null
        missing = values.is_null().to_numpy(zero_copy_only=False)
        data = np.array(values.to_numpy(zero_copy_only=False), dtype=cast(Any, out.dtype).numpy_dtype)
        out[rows] = pd.arrays.FloatingArray(data, missing)
    else:
        out[rows] = pd.array(_from_arrow(values), dtype=dtype)
    return out


def _scattered_numpy(series: pd.Series[Any], rows: I64, values: pa.Array, dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "O":
        # Only the victims are written, so that None and NaN stay what each of them was.
        return _with_objects(series, rows, to_objects(values))
    out = series.to_numpy(copy=True)
    if dtype.kind in "iub" and values.null_count:
        missing = np.zeros(len(out), dtype=bool)
        missing[rows] = values.is_null().to_numpy(zero_copy_only=False)
        out[rows] = values.fill_null(False if dtype.kind == "b" else 0).to_numpy(zero_copy_only=False)
        out = out if dtype.isnative else out.astype(dtype.newbyteorder("="))
        return (pd.arrays.BooleanArray if dtype.kind == "b" else pd.arrays.IntegerArray)(out, missing)
    if values.null_count == len(values):
        out[rows] = np.array("NaT", dtype) if dtype.kind in "mM" else np.nan
    else:
        out[rows] = values.to_numpy(zero_copy_only=False)
    return out


def _with_objects(series: pd.Series[Any], rows: I64, objects: Any) -> pd.Series[Any]:
    """A copy of a column of objects with others at some rows; a series, since the type of a bare array is guessed."""
    out = series.to_numpy(copy=True)
    out[rows] = objects
    return pd.Series(out, index=series.index, dtype=object, copy=False)


def _scattered_codes(series: pd.Series[Any], rows: I64, values: pa.Array, dtype: Any) -> Any:
    """New categories are put behind the old ones; the order of ordered ones stays."""
    old = _words(dtype)
    words, places = _in_words(old, values)
    codes: Any = cast(Any, series.array).codes.copy()
    if len(words) > len(old):
        more = pd.Index(_from_arrow(words.slice(len(old))))
        dtype = pd.CategoricalDtype(dtype.categories.append(more), dtype.ordered)
        codes = codes.astype(np.int64)
    codes[rows] = (places.fill_null(-1) if places.null_count else places).to_numpy()
    return pd.Categorical.from_codes(codes, dtype=dtype, validate=False)


def _words(dtype: Any) -> pa.Array:
    """The categories in one array; those of an Arrow column may come in chunks. Of intervals it has the ends."""
    words = pa.array(dtype.categories, from_pandas=True)
    if isinstance(words.type, pa.BaseExtensionType):
        if not words.type.storage_type.num_fields:
            raise TypeError(f"their categories are {dtype.categories.dtype}, which is a type of pandas alone")
        words = words.storage
    return plain(joined(words) if isinstance(words, pa.ChunkedArray) else words)


def _in_words(words: pa.Array, values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """`in_words`, also of intervals, of which no other ones can come in."""
    if values.null_count == len(values):
        return words, pa.nulls(len(values), pa.int64())
    if not words.type.num_fields:
        return in_words(words, values)
    known = {tuple(word.values()): place for place, word in enumerate(words.to_pylist())}
    items = [None if item is None else tuple(item.values()) for item in plain(values).to_pylist()]
    lacking = {item for item in items if item is not None}.difference(known)
    if lacking:
        raise ValueError(f"no category is the interval from {' to '.join(map(str, lacking.pop()))}")
    return words, pa.array([None if item is None else known[item] for item in items], pa.int64())


def _gathered_categories(series: pd.Series[Any], rows: I64) -> pa.Array:
    words = _words(series.dtype)
    codes: Any = cast(Any, series.array).codes.take(rows)
    mask = codes < 0 if len(codes) and codes.min() < 0 else None
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=mask), words, safe=False)  # pandas has checked them


def _with_words(column: Any, words: pa.Array) -> Any:
    """A dictionary column with the words that it had before others came in behind them."""
    array = joined(column.__arrow_array__())
    restored = pa.DictionaryArray.from_arrays(array.indices, words, ordered=array.type.ordered)
    return pd.arrays.ArrowExtensionArray(pa.chunked_array([restored]))


def _as_it_was(column: Any, dtype: Any) -> Any:
    """The column in the dtype that it had before nulls or new categories came in."""
    if isinstance(dtype, pd.CategoricalDtype):
        return pd.Categorical.from_codes(column.codes, dtype=dtype)
    if isinstance(column, pd.arrays.IntegerArray | pd.arrays.BooleanArray):
        return column.to_numpy(dtype=dtype)
    return pd.Series(column).astype(dtype)


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
    if pa.types.is_struct(kind):  # of which pandas would make floats where whole numbers are missing
        return to_objects(column)
    return column.to_pandas().array
