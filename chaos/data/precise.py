"""Numbers that no float holds, changed with all their digits."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chaos.data.columns import Floats, floats, large_numbers, mapped, numbers, valid, with_numbers
from chaos.data.decimals import Number, Units, exactly, has_long, of_units, rounded_units, rounded_whole, units, within
from chaos.data.rows import I64

#: Whole numbers: Python's, or of 64 bits.
Whole = NDArray[Any]

#: New values for old ones at some places, in units of the last digit, and how many of these are 1. Those of whole
#: numbers of 64 bits come in these if they are clipped to them.
Precise = Callable[[Whole, I64, Fraction], Whole]

#: Digits that every float keeps.
_FLOAT_DIGITS = 15
#: Bits that it has.
_MANTISSA = 53
_LARGEST = float(np.finfo(np.float64).max)
#: Sums that stay below it fit 64 bits with a sign, however their floats were rounded.
_ROOM_62 = 2.0**62


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


def mapped_precisely(
    values: pa.Array, change: Callable[[Floats], Floats], precise: Precise, *given: Number | None
) -> pa.Array:
    """As `mapped`, but what has more digits than a float goes through ``precise``.

    That is every value if one of the numbers that it meets, which are ``given``, has more.

    >>> mapped_precisely(pa.array([2**53 + 1, 2]), lambda v: v + 1.0, lambda old, rows, unit: old + 1).to_pylist()
    [9007199254740994, 3]
    """
    new = mapped(values, change)
    is_exact = pa.types.is_decimal(values.type) or (pa.types.is_integer(values.type) and values.type.bit_width == 64)
    large = np.flatnonzero(valid(values)) if is_exact and has_long(*given) else beyond_float_digits(values)
    if not len(large):
        return new
    if pa.types.is_decimal(values.type):
        out = units(new)
        out[large] = precise(units(values)[large], large, Fraction(10) ** values.type.scale)
        return of_units(out, values.type, ~valid(values) if values.null_count else None)
    changed = numbers(new).copy()
    found = precise(numbers(values)[large], large, Fraction(1))
    changed[large] = within(found, changed.dtype) if found.dtype.kind == "O" else found
    return with_numbers(values, changed)


def moved_by(old: Whole, weights: Floats, times: Fraction, plus: Fraction, *, onto: bool = True) -> Whole:
    """``weight * (value * times + plus)`` on top of each value or, if not ``onto``, in its place; half to even.

    Every bit of the weights counts; an infinite one is the largest float that there is.

    >>> moved_by(np.array([2**60 + 1, 5]), np.array([0.5, 1.0]), Fraction(0), Fraction(3)).tolist()
    [1152921504606846978, 8]
    """
    if not len(old):
        return old
    if (weights == weights[0]).all():
        weight = Fraction(float(np.clip(weights[0], -_LARGEST, _LARGEST)))
        return _rounded(old, weight * times + onto, weight * plus)
    if not times and onto and plus == 1 and old.dtype.kind != "O":
        return _added(old, weights)
    whole, exponent = _in_bits(weights)
    old = old.astype(object, copy=False)
    over = times.denominator * plus.denominator
    factor, offset = times.numerator * plus.denominator, plus.numerator * times.denominator
    if not factor:
        away = whole * offset
    else:
        away = whole * (old * factor + offset if (factor, offset) != (1, 0) else old)
    if exponent > 0:
        away = away * 2**exponent
    else:
        over *= 2**-exponent
    return rounded_units(old * over + away if onto else away, Fraction(1, over))


def _rounded(old: Whole, factor: Fraction, offset: Fraction) -> Whole:
    return (rounded_units if old.dtype.kind == "O" else rounded_whole)(old, factor, offset)


def _added(old: Whole, errors: Floats) -> Whole:
    """Whole numbers of 64 bits and floats, half to even; where 64 bits have room for it, in these."""
    fits = (np.abs(old + errors) < _ROOM_62) & (np.abs(errors) < _ROOM_62)
    if old.dtype == np.uint64:
        fits &= old < np.uint64(2**63)
    small = np.where(fits, errors, 0.0)
    below = np.floor(small)
    up = small - below
    found = np.where(fits, old, 0).astype(np.int64) + below.astype(np.int64)
    found += (up > 0.5) | ((up == 0.5) & (found % 2 == 1))
    out = (np.maximum(found, 0) if old.dtype == np.uint64 else found).astype(old.dtype)
    if not fits.all():
        rest = old[~fits].astype(object)
        whole, exponent = _in_bits(errors[~fits])
        over = 2 ** max(-exponent, 0)
        rest = rounded_units(rest * over + whole * 2 ** max(exponent, 0), Fraction(1, over))
        out[~fits] = within(rest, old.dtype)
    return out


def _in_bits(weights: Floats) -> tuple[Units, int]:
    """Whole numbers and one exponent of 2 that make the floats.

    >>> _in_bits(np.array([0.5, -0.5]))
    (array([1, -1], dtype=object), -1)
    """
    parts, exponents = np.frexp(np.clip(weights, -_LARGEST, _LARGEST))
    bits = np.ldexp(parts, _MANTISSA).astype(np.int64)
    exponents = np.where(bits == 0, exponents.max(), exponents.astype(np.int64) - _MANTISSA)
    lowest = int(exponents.min())
    if (exponents == lowest).all() and (common := int(np.bitwise_or.reduce(bits))):
        zeros = (common & -common).bit_length() - 1  # one weight for all has few bits, mostly
        return (bits >> zeros).astype(object), lowest + zeros
    return np.left_shift(bits.astype(object), (exponents - lowest).astype(object)), lowest


def clipped(values: Whole, low: Number | None, high: Number | None, unit: Fraction) -> Whole:
    """The values, or the limits that they are beyond, rounded half to even.

    >>> clipped(np.array([7, 0], dtype=object), 1.5, 3, Fraction(1)).tolist()
    [3, 2]
    """
    lowest, highest = (None if edge is None else round(exactly(edge) * unit) for edge in (low, high))
    if values.dtype.kind != "O":
        limits = np.iinfo(values.dtype)
        lowest, highest = (None if n is None else min(max(n, limits.min), limits.max) for n in (lowest, highest))
    if lowest is not None:
        values = np.maximum(values, values.dtype.type(lowest))
    return values if highest is None else np.minimum(values, values.dtype.type(highest))
