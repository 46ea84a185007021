"""Numbers that no float holds, changed with all their digits."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from sys import float_info

import numpy as np
import pyarrow as pa

from chaos.data.columns import Floats, floats, large_numbers, mapped, numbers, valid, with_numbers
from chaos.data.decimals import Number, exactly, of_units, units
from chaos.data.rows import I64

#: The new value for an old one, and its place among the values.
Precise = Callable[[Fraction, int], Number]

#: Digits that every float keeps.
_FLOAT_DIGITS = 15


def beyond_float_digits(values: pa.Array, numeric: Floats | None = None) -> I64:
    """The places of whole numbers and decimals that have more digits than a float may hold.

    ``numeric`` are the values as floats, if there are any already.

    >>> beyond_float_digits(pa.array([2**53, 1, None])).tolist()
    [0]
    """
    kind = values.type
    if pa.types.is_integer(kind) and kind.bit_width == 64:
        large = large_numbers(numbers(values))
    elif pa.types.is_decimal(kind) and kind.precision > _FLOAT_DIGITS:
        numeric = floats(values) if numeric is None else numeric
        large = np.flatnonzero(np.abs(numeric) >= float(2**52) / 10.0**kind.scale)
    else:
        return np.zeros(0, dtype=np.int64)
    return large[valid(values)[large]] if values.null_count else large


def mapped_precisely(values: pa.Array, change: Callable[[Floats], Floats], precise: Precise) -> pa.Array:
    """As `mapped`, but what has more digits than a float goes through ``precise``, one value at a time.

    >>> mapped_precisely(pa.array([2**53 + 1, 2]), lambda v: v + 1.0, lambda v, _: v + 1).to_pylist()
    [9007199254740994, 3]
    """
    new = mapped(values, change)
    large = beyond_float_digits(values)
    if not len(large):
        return new
    if pa.types.is_decimal(values.type):
        scale = Fraction(10) ** values.type.scale
        out, old = units(new), units(values)
        for place in large.tolist():
            out[place] = round(precise(old[place] / scale, place) * scale)
        return of_units(out, values.type, ~valid(values) if values.null_count else None)
    changed = numbers(new).copy()
    limits = np.iinfo(changed.dtype)
    low, high = int(limits.min), int(limits.max)
    for place, number in zip(large.tolist(), numbers(values)[large].tolist(), strict=True):
        changed[place] = min(max(round(precise(Fraction(number), place)), low), high)
    return with_numbers(values, changed)


def drawn_number(draw: float) -> Fraction:
    """A float that was computed, with all its bits; an infinite one is the largest that there is.

    >>> drawn_number(0.5), drawn_number(float("-inf")) < -(10**308)
    (Fraction(1, 2), True)
    """
    return Fraction(min(max(float(draw), -float_info.max), float_info.max))


def between(value: Fraction, low: Number | None, high: Number | None) -> Fraction:
    """The value, or the limit that it is beyond.

    >>> between(Fraction(7), 0.1, None), between(Fraction(0), 0.1, None)
    (Fraction(7, 1), Fraction(1, 10))
    """
    if low is not None:
        value = max(value, exactly(low))
    return value if high is None else min(value, exactly(high))
