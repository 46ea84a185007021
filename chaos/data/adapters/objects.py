"""Columns of Python objects, as pandas has them: what type they hold, and their values in Arrow's layout and back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from chaos.data.columns import is_text
from chaos.data.decimals import ROOM
from chaos.data.rows import I64

#: Values of an object column that its type is told by.
_LOOKED_AT = 1000
_TYPES = {
    "string": pa.string(),
    "empty": pa.null(),
    "bytes": pa.binary(),
    "floating": pa.float64(),
    "integer": pa.int64(),
    "mixed-integer-float": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}
#: The largest whole number that is no unsigned one.
_LARGEST = 2**63 - 1
#: Bytes that offsets of 32 bits reach.
_MOST = 2**31 - 1
#: Objects read at a time: they are looked at several times, and lie all over the memory.
_PART = 1 << 12


def type_of_objects(series: pd.Series[Any]) -> pa.DataType:
    """What an object column holds, by its first values; a victim of another kind is an error when it is read."""
    first = series.iloc[:_LOOKED_AT]
    if not first.notna().any():
        first = series
    inferred = pd.api.types.infer_dtype(first, skipna=True)
    if inferred == "integer" and first.max() > _LARGEST:
        return pa.uint64()
    if inferred == "datetime":  # Arrow knows the time zone
        return pa.array(first, from_pandas=True).type
    kind = _TYPES.get(inferred) or pa.array(series, from_pandas=True).type
    # Objects have room for more digits than the longest of them needs.
    return pa.decimal128(38, kind.scale) if pa.types.is_decimal128(kind) and kind.scale >= 0 else kind


def from_objects(values: Any, kind: pa.DataType | None = None) -> pa.Array:
    """A numpy array of objects as an Arrow array, of a type that some of them may not tell; nulls of any kind are null.

    Raises `pa.ArrowException`, ``TypeError``, ``ValueError`` or ``OverflowError`` for one of another type.

    >>> from_objects(np.array(["JFK", None, "Zürich"], dtype=object)).to_pylist()
    ['JFK', None, 'Zürich']
    """
    parts = []
    is_known = kind is not None and not pa.types.is_string(kind)
    for first in range(0, 0 if is_known else len(values), _PART):
        part = _from_texts(values[first : first + _PART].tolist())
        if part is None:
            break
        parts.append(part)
    else:
        if parts:
            return pa.concat_arrays(parts)
    return pa.array(values.tolist(), kind, from_pandas=True)  # a list is read faster than an array of objects


def _from_texts(items: list[Any]) -> pa.Array | None:
    """The items as an array if all are texts without a NUL, as joining them shows, which is faster than Arrow is.

    None if there is anything else among them, or a text that has no encoding.
    """
    try:
        marked = "\0".join([*items, ""]).encode()
    except (TypeError, UnicodeEncodeError):
        return None
    ends = np.flatnonzero(np.frombuffer(marked, dtype=np.uint8) == 0)
    if len(ends) != len(items) or len(marked) > _MOST:
        return None
    offsets = np.zeros(len(items) + 1, dtype=np.int32)
    np.subtract(ends, np.arange(len(items)), out=offsets[1:], casting="unsafe")
    data = marked.translate(None, delete=b"\0")
    return pa.Array.from_buffers(pa.string(), len(items), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def digits_of_objects(values: Any) -> I64:
    """How many digits each decimal has behind the point; -1 for what is null.

    >>> digits_of_objects(np.array([Decimal("1.50"), Decimal("1E+3"), None, 7], dtype=object)).tolist()
    [2, 0, -1, 0]
    """
    return np.array([_digits(value) for value in values.tolist()], dtype=np.int64)


def _digits(value: Any) -> int:
    if isinstance(value, Decimal) and value.is_finite():
        return max(-int(value.as_tuple().exponent), 0)
    return -1 if pd.isna(value) else 0


def to_objects(values: pa.Array) -> Any:
    """The values as a numpy array of objects."""
    if is_text(values.type):
        return values.to_numpy(zero_copy_only=False)
    if pa.types.is_decimal128(values.type) and values.type.scale == ROOM:  # no digit of a value asks for these zeros
        return np.array([*map(_without_zeros, values.to_pylist()), None], dtype=object)[:-1]
    return np.array([*values.to_pylist(), None], dtype=object)[:-1]


def _without_zeros(value: Decimal | None) -> Decimal | None:
    if value is None:
        return None
    text = f"{value:f}"
    return Decimal(text.rstrip("0").rstrip(".")) if "." in text else value
