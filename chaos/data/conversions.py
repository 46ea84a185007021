"""Values of one column as another one would hold them, with every digit that it has room for."""

from __future__ import annotations

from fractions import Fraction
from math import isfinite
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from chaos.data.casts import cast
from chaos.data.columns import (
    FLOAT_WHOLE,
    fitted,
    fixed_width,
    floats,
    is_number,
    is_text,
    numbers,
    plain,
    valid,
    value_type,
)
from chaos.data.decimals import exactly, largest_units, of_units, rounded_units, units


def converted(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Values of one column as another one would hold them; what does not fit becomes null.

    >>> converted(pa.array(["12.6", "JFK"]), pa.int64()).to_pylist()
    [13, None]
    """
    values = plain(values)
    if values.type == kind:
        return values
    if is_text(kind):
        return cast(values, "text").cast(kind)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _as_numbers(values, kind)
    if pa.types.is_decimal(kind) and _is_numeric(values.type):
        return _as_decimals(values, kind)
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    if (pa.types.is_date(kind) or pa.types.is_time(kind)) and _is_numeric(values.type):
        return pa.nulls(len(values), kind)  # in which unit it would be one, the number does not tell
    return _cast_one_by_one(values, kind)


def _is_numeric(kind: pa.DataType) -> bool:
    return is_number(kind) or bool(pa.types.is_boolean(kind))


def _as_numbers(values: pa.Array, kind: pa.DataType) -> pa.Array:
    numeric = floats(cast(values, "float"))
    known = ~np.isnan(numeric)
    data = fitted(numeric, np.dtype(kind.to_pandas_dtype()))
    if pa.types.is_integer(kind) and (large := np.flatnonzero(np.abs(numeric) >= FLOAT_WHOLE)).size:
        data[large] = _whole(values.take(pa.array(large)), data[large])
    return pa.array(data, kind, mask=~known)


def _whole(values: pa.Array, about: NDArray[Any]) -> NDArray[Any]:
    """Numbers with more digits than a float has, rounded and clipped to the dtype of what they are ``about``."""
    if pa.types.is_decimal(values.type):
        found = rounded_units(units(values), Fraction(10) ** -values.type.scale)
    elif fixed_width(values.type) and not pa.types.is_floating(values.type):
        found = numbers(values).astype(object)
    elif is_text(values.type):
        found = np.array([_integer(text, int(n)) for text, n in zip(values.to_pylist(), about, strict=True)], object)
    else:
        return about
    limits = np.iinfo(about.dtype)
    return np.minimum(np.maximum(found, int(limits.min)), int(limits.max)).astype(about.dtype)


def _integer(text: str, otherwise: int) -> int:
    try:
        return int(text)
    except ValueError:
        return otherwise


def _as_decimals(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Numbers rounded and clipped to a type of decimals; what is no number becomes null."""
    scale = Fraction(10) ** kind.scale
    mask = ~valid(values)
    if pa.types.is_decimal(values.type):
        found = rounded_units(units(values), scale / Fraction(10) ** values.type.scale)
    elif pa.types.is_floating(values.type):
        numeric = floats(values)
        mask = np.isnan(numeric)
        largest = largest_units(kind)
        found = np.array(
            [round(exactly(v) * scale) if isfinite(v) else (largest if v > 0 else -largest) for v in numeric.tolist()],
            dtype=object,
        )
    else:
        whole = values.cast(pa.int8()) if pa.types.is_boolean(values.type) else values
        found = rounded_units(numbers(whole).astype(object), scale)
    return of_units(found, kind, mask if mask.any() else None)


def _cast_one_by_one(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """The values in the other type; those that do not fit become null."""
    try:
        return values.cast(kind)
    except pa.ArrowNotImplementedError:
        return pa.nulls(len(values), kind)
    except pa.ArrowException:  # what a value becomes must not depend on those that come with it
        if values.type.num_fields or value_type(kind) != kind:  # Arrow has no dictionaries of these
            return _cast_or_null(values, kind)
        coded = values.dictionary_encode()
        words = coded.dictionary
        if is_text(words.type) and (pa.types.is_temporal(kind) or pa.types.is_decimal(kind)):
            # Most of what does not fit starts with a letter: found at once, as each failed cast takes microseconds.
            words = pc.if_else(pc.match_substring_regex(words, r"^[-+.\d]"), words, pa.scalar(None, words.type))
        return _cast_or_null(words, kind).take(coded.indices)


def _cast_or_null(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Each value in the other type or, if it does not fit, null: halved until what is left fits or is one value."""
    try:
        return values.cast(kind)
    except pa.ArrowException:
        middle = len(values) // 2
        if not middle:
            return pa.nulls(1, kind)
        return pa.concat_arrays([_cast_or_null(half, kind) for half in (values[:middle], values[middle:])])
