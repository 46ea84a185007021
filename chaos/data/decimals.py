"""Decimals as whole numbers of their last digit, so that no digit goes through a float."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Number = int | float | Decimal | Fraction

#: Python's whole numbers, which are as long as they need to be.
Units = NDArray[np.object_]

#: Digits behind the point of a value that takes the place of none, where a column does not say how many there are.
ROOM = 18


def exactly(number: Number) -> Fraction:
    """A number as it is written: 0.1 is a tenth, and not the float next to it.

    >>> exactly(0.1)
    Fraction(1, 10)
    """
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)


def largest_units(kind: pa.DataType) -> int:
    """The largest value of a type of decimals, in units of its last digit.

    >>> largest_units(pa.decimal128(5, 2))
    99999
    """
    return int(10**kind.precision - 1)


def units(array: pa.Array) -> Units:
    """The values of an array of decimals in units of its last digit; what stands under a null is arbitrary.

    >>> units(pa.array([Decimal("1.25"), Decimal("-7")], pa.decimal128(20, 2))).tolist()
    [125, -700]
    """
    words = _words(array)
    out = words[:, -1].astype(object)
    for place in range(words.shape[1] - 2, -1, -1):
        out = out * 2**64 + words[:, place].view(np.uint64)
    return out


def of_units(data: Units, kind: pa.DataType, mask: NDArray[np.bool_] | None = None) -> pa.Array:
    """An array of decimals of these units, clipped to what the type can hold; null where the mask says so.

    >>> of_units(np.array([125, 10**9], dtype=object), pa.decimal128(5, 2)).to_pylist()
    [Decimal('1.25'), Decimal('999.99')]
    """
    largest = largest_units(kind)
    rest = np.minimum(np.maximum(data, -largest), largest) if len(data) else data
    bits = None if mask is None else pa.py_buffer(np.packbits(~mask, bitorder="little"))
    if kind.bit_width <= 64:
        words = rest.astype(f"i{kind.bit_width // 8}")
    else:
        words = np.empty((len(data), kind.bit_width // 64), dtype=np.uint64)
        for place in range(words.shape[1]):
            words[:, place] = (rest % 2**64).astype(np.uint64)
            rest = rest // 2**64
    return pa.Array.from_buffers(kind, len(data), [bits, pa.py_buffer(words)])


def rounded_units(data: Units, factor: Fraction, offset: Fraction = Fraction(0)) -> Units:
    """``data * factor + offset`` for each whole number, rounded half to even.

    >>> rounded_units(np.array([1, 3, 4], dtype=object), Fraction(1, 2)).tolist()
    [0, 2, 2]
    """
    over = factor.denominator * offset.denominator
    above = data * (factor.numerator * offset.denominator) + offset.numerator * factor.denominator
    whole = above // over
    left = 2 * (above - whole * over)
    up = (left > over) | ((left == over) & (whole % 2 == 1))
    return np.asarray(whole + up.astype(object)) if len(data) else data


def scaled(array: pa.Array, factor: Fraction, offset: Fraction) -> pa.Array:
    """``value * factor + offset`` for decimals, rounded half to even to their scale and clipped; null stays null.

    >>> scaled(pa.array([Decimal("123456789012345678.91")], pa.decimal128(20, 2)), Fraction(2), Fraction(0)).to_pylist()
    [Decimal('246913578024691357.82')]
    """
    data = rounded_units(units(array), factor, offset * Fraction(10) ** array.type.scale)
    mask = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    return of_units(data, array.type, mask)


def with_zeros(array: pa.Array) -> pa.Array:
    """The array with 0 in place of null.

    >>> with_zeros(pa.array([Decimal("1.5"), None], pa.decimal32(3, 1))).to_pylist()
    [Decimal('1.5'), Decimal('0.0')]
    """
    missing = np.asarray(array.is_null().to_numpy(zero_copy_only=False))
    return of_units(np.where(missing, 0, units(array)), array.type)


def _words(array: pa.Array) -> NDArray[Any]:
    """The buffer as signed words, a row a value, the lowest first."""
    width = array.type.bit_width
    size = min(width, 64) // 8
    count = max(width // 64, 1)
    buffer = array.buffers()[1]
    if buffer is None:
        return np.zeros((len(array), count), dtype=f"i{size}")
    every = np.frombuffer(buffer, dtype=f"i{size}")
    return every[array.offset * count : (array.offset + len(array)) * count].reshape(-1, count)
