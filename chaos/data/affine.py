"""Numbers times a factor plus an offset, without losing digits of those that have more than a float."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pyarrow as pa

from chaos.data.columns import large_numbers, mapped, numbers, valid, with_numbers
from chaos.data.decimals import Number, exactly, has_long, rounded_whole, scaled


def affine(
    values: pa.Array, factor: Number, offset: Number, *, exact: tuple[Fraction, Fraction] | None = None
) -> pa.Array:
    """``value * factor + offset`` in the array's type, rounded half to even and clipped; null stays null.

    Floats and small whole numbers are computed as floats, decimals and large whole numbers with all their digits, by
    the factor and the offset as they are written, or by those in ``exact``.

    >>> affine(pa.array([2**53 + 1, 10]), 2.0, 1.0).to_pylist() == [2**54 + 3, 21]
    True
    """
    by = exact or (exactly(factor), exactly(offset))
    if pa.types.is_decimal(values.type):
        return scaled(values, *by)
    times, plus = float(factor), float(offset)
    new = mapped(values, lambda v: v * times + plus)
    if not pa.types.is_integer(values.type) or values.type.bit_width < 64:
        return new
    data = numbers(values)
    large = np.flatnonzero(valid(values)) if has_long(factor, offset) else large_numbers(data)
    if not len(large):
        return new
    changed = numbers(new).copy()
    changed[large] = rounded_whole(data[large], *by)
    return with_numbers(values, changed)
