"""Numbers of any type rounded to so many decimals."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chaos.data.columns import numbers, with_numbers
from chaos.data.decimals import of_units, rounded_units, units

#: So many numbers at a time stay in the processor's cache.
_PIECE = 16_384


def rounded(values: pa.Array, decimals: int) -> pa.Array:
    """The numbers with so many digits behind the point, half to even, in their type; -1 rounds to tens and so on.

    What the type cannot hold then is clipped.

    >>> rounded(pa.array([255, 14, None], pa.uint8()), -1).to_pylist()
    [255, 10, None]
    """
    kind = values.type
    if pa.types.is_decimal(kind) and (kind.bit_width < 128 or kind.scale < 0):  # of which Arrow has no least and most
        return _units(values, decimals)
    if pa.types.is_float16(kind):
        return _halves(_floats(values.cast(pa.float32()), decimals))
    return _floats(values, decimals) if pa.types.is_floating(kind) else _exact(values, decimals)


def _units(values: pa.Array, decimals: int) -> pa.Array:
    kind = values.type
    if decimals >= kind.scale:
        return values
    step = 10 ** (kind.scale - decimals)
    mask = values.is_null().to_numpy(zero_copy_only=False) if values.null_count else None
    return of_units(rounded_units(units(values), Fraction(1, step)) * step, kind, mask)


def _floats(values: pa.Array, decimals: int) -> pa.Array:
    # Not with Arrow, which makes 0.599999999998 of 0.6 with 11 decimals, and raises where the steps between overflow.
    data = numbers(values)
    power, limit = data.dtype.type(10.0 ** abs(decimals)), 2.0 ** np.finfo(data.dtype).nmant
    there, back = (np.multiply, np.divide) if decimals > 0 else (np.divide, np.multiply)
    new = np.empty_like(data)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for first in range(0, len(data), _PIECE):
            old, steps = data[first : first + _PIECE], new[first : first + _PIECE]
            there(old, power, out=steps)
            large = None if -limit < steps.min() and steps.max() < limit else ~(np.abs(steps) < limit)
            np.rint(steps, out=steps)
            back(steps, power, out=steps)
            if large is not None:  # these have no digit to lose, or are none
                steps[large] = old[large]
    return with_numbers(values, new)


def _halves(values: pa.Array) -> pa.Array:
    """32-bit floats as 16-bit ones, finite ones clipped to those."""
    data = numbers(values)
    largest = np.finfo(np.float16).max
    clipped = np.where(np.isinf(data), data, np.clip(data, -largest, largest)).astype(np.float32)
    return with_numbers(values, clipped).cast(pa.float16(), safe=False)


def _exact(values: pa.Array, decimals: int) -> pa.Array:
    """Whole numbers and decimals."""
    kind = values.type
    if pa.types.is_integer(kind):
        scale, limits = 0, np.iinfo(kind.to_pandas_dtype())
        low, high = int(limits.min), int(limits.max)
    else:
        scale, high = kind.scale, 10**kind.precision - 1
        low = -high
    if decimals >= scale:
        return values
    step = 10 ** (scale - decimals)
    # In units of the last digit: from here on, rounding would leave the type, for which Arrow raises, or writes 0.
    above, below = _first_beyond(high, step), -_first_beyond(-low, step)
    ends = pc.min_max(values).as_py()
    if ends["min"] is None:
        return values
    new = values
    beyond = []
    for limit, edge, test, out in (
        (above, high, pc.greater_equal, ends["max"] >= _decimal(above, scale)),
        (below, low, pc.less_equal, ends["min"] <= _decimal(below, scale)),
    ):
        if out:
            found = test(values, _scalar(limit, scale, kind))
            beyond.append((found, _scalar(edge, scale, kind)))
            new = pc.if_else(found, _scalar(0, scale, kind), new)
    if step > high:
        new = pc.if_else(values.is_valid(), _scalar(0, scale, kind), pa.scalar(None, kind))
    else:
        new = pc.round(new, ndigits=decimals)
    for found, edge in beyond:
        new = pc.if_else(found, edge, new)
    return new


def _first_beyond(limit: int, step: int) -> int:
    """The first number that is rounded to a multiple of the step above the limit.

    >>> _first_beyond(255, 10), _first_beyond(127, 10)
    (255, 126)
    """
    whole = limit // step
    return whole * step + step // 2 + (whole % 2 == 0)  # a half goes to the even side


def _decimal(units: int, scale: int) -> Decimal:
    return Decimal(f"{units}E{-scale}")


def _scalar(units: int, scale: int, kind: pa.DataType) -> pa.Scalar:
    return pa.scalar(units if pa.types.is_integer(kind) else _decimal(units, scale), kind)
