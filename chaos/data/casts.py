"""A column written as another type, as a producer would after a careless change."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from chaos.data.columns import plain, valid
from chaos.data.decimals import units

Target = Literal["text", "text_comma", "integer", "float"]


def cast(array: pa.Array, to: Target) -> pa.Array:
    """The column in the new type; what does not fit becomes null.

    ``text_comma`` writes numbers with a decimal comma, ``integer`` drops the fraction.

    >>> cast(pa.array([39.5, None]), "text_comma").to_pylist()
    ['39,5', None]
    >>> cast(pa.array([39.5, -0.5]), "integer").to_pylist()
    [39, 0]
    """
    array = plain(array)
    if to in ("text", "text_comma"):
        text = _text(array)
        return pc.replace_substring(text, ".", ",") if to == "text_comma" else text
    if to == "integer" and pa.types.is_integer(array.type):  # which may have more digits than a float
        if pa.types.is_uint64(array.type):
            fits = pc.less_equal(array, pa.scalar(2**63 - 1, pa.uint64()))
            array = pc.if_else(fits, array, pa.scalar(None, pa.uint64()))
        return array.cast(pa.int64())
    numbers = _numbers(array)
    if to == "float":
        return numbers
    whole = pc.trunc(numbers)
    fits = pc.and_(pc.less(pc.abs(whole), 2.0**63), pc.is_finite(whole))
    return pc.if_else(fits, whole, pa.scalar(None, pa.float64())).cast(pa.int64())


def _text(array: pa.Array) -> pa.Array:
    if pa.types.is_string(array.type):
        return array
    if pa.types.is_floating(array.type):  # as Python prints them: Arrow would drop the .0
        return pa.array([None if v is None else repr(v) for v in array.to_pylist()], pa.string())
    if _written_by_python(array.type):
        return pa.array([None if v is None else str(v) for v in array.to_pylist()], pa.string())
    return array.cast(pa.string())


def _written_by_python(kind: pa.DataType) -> bool:
    """Whether Arrow has no text for the type, or only some of its values: bytes need not be characters."""
    return bool(
        kind.num_fields
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_interval(kind)
        or isinstance(kind, pa.BaseExtensionType)
    )


def _numbers(array: pa.Array) -> pa.Array:
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type) or pa.types.is_boolean(array.type):
        return array.cast(pa.float64(), safe=False)
    if pa.types.is_decimal(array.type):
        # Not with Arrow, which makes 0.5000100000000001 of 0.50001; Python rounds a quotient of whole numbers once.
        above, below = 10 ** max(-array.type.scale, 0), 10 ** max(array.type.scale, 0)
        quotients = [n * above / below for n in units(array).tolist()]
        return pa.array(quotients, pa.float64(), mask=~valid(array) if array.null_count else None)
    if pa.types.is_temporal(array.type) and not pa.types.is_interval(array.type):
        return array.cast(pa.int64() if array.type.bit_width == 64 else pa.int32()).cast(pa.float64(), safe=False)
    return pa.array([_number(v) for v in array.to_pylist()], pa.float64())


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None
