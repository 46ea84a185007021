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
#: What whole numbers of 64 bits with a sign stay below.
_ROOM_64 = 2**63


def exactly(number: Number) -> Fraction:
    """A number as it is written: 0.1 is a tenth, and not the float next to it.

    >>> exactly(0.1)
    Fraction(1, 10)
    """
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)


def has_long(*given: Number | None) -> bool:
    """Whether one of these is a whole number with more digits than a float keeps.

    >>> has_long(2**53 + 1, None), has_long(2**60, 0.1)
    (True, False)
    """
    return any(isinstance(number, int) and int(float(number)) != number for number in given)


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
    if not len(data):
        return data
    over = factor.denominator * offset.denominator
    times, plus = factor.numerator * offset.denominator, offset.numerator * factor.denominator
    # A half more, rounded down: only a number that lies in the middle may have to go to the other side.
    twice = data * (2 * times) + (2 * plus + over)
    bits = over.bit_length()
    if over == 1 << bits - 1:  # shifted much faster than divided
        whole = np.asarray(np.right_shift(twice, bits))
        middle = np.flatnonzero(np.bitwise_and(twice, 2 * over - 1) == 0) if over > 1 else ()
    else:
        whole = np.asarray(twice // (2 * over))
        middle = np.flatnonzero(whole * (2 * over) == twice) if over % 2 == 0 else ()
    if len(middle):
        whole[middle] -= whole[middle] % 2
    return whole


def within(data: Units, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Whole numbers in a dtype of them, clipped to its limits.

    >>> within(np.array([-1, 300], dtype=object), np.dtype("u1")).tolist()
    [0, 255]
    """
    limits = np.iinfo(dtype)
    return np.minimum(np.maximum(data, int(limits.min)), int(limits.max)).astype(dtype)


def rounded_whole(data: NDArray[Any], factor: Fraction, offset: Fraction = Fraction(0)) -> NDArray[Any]:
    """`rounded_units` of whole numbers of 64 bits, clipped to these; in them as far as they have room for it.

    >>> rounded_whole(np.array([2**62, -3]), Fraction(3, 2)).tolist()
    [6917529027641081856, -4]
    """
    over = factor.denominator * offset.denominator
    times, plus = factor.numerator * offset.denominator, offset.numerator * factor.denominator
    if 2 * over * (abs(times) + 1) + 2 * abs(plus) >= _ROOM_64:
        return within(rounded_units(data.astype(object), factor, offset), data.dtype)
    fits = np.abs(data * (times / over) + plus / over) < float(_ROOM_64 // 2)
    if data.dtype == np.uint64:
        fits &= data < np.uint64(_ROOM_64)
    inner = np.where(fits, data, 0).astype(np.int64)
    # Whole multiples of the denominator, and what is left: its product with the numerator is small.
    count = inner // over
    twice = (inner - count * over) * (2 * times) + (2 * plus + over)
    more = twice // (2 * over)
    found = count * times + more
    if over % 2 == 0:
        found -= (more * (2 * over) == twice) & (found % 2 == 1)
    out = (np.maximum(found, 0) if data.dtype == np.uint64 else found).astype(data.dtype)
    if not fits.all():
        out[~fits] = within(rounded_units(data[~fits].astype(object), factor, offset), data.dtype)
    return out


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
