"""Numbers kept beyond fences, whatever their type rounds to."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor, inf
from typing import Any

import numpy as np
import pyarrow as pa

from chaos.data.columns import Floats, numbers, valid, with_numbers
from chaos.data.comparing import beyond
from chaos.data.decimals import Number, exactly, of_units, units


def kept_beyond(values: pa.Array, drawn: Floats, low: Number | None, high: Number | None) -> pa.Array:
    """The values, those that their type rounded to a fence or behind it moved to the first one beyond, if it has one.

    ``drawn`` are the values before they were rounded, at least one fence is given, and null and NaN stay.

    >>> kept_beyond(pa.array([0, 5, -3]), np.array([-0.2, 5.4, -3.1]), 0, 5).to_pylist()
    [-1, 6, -3]
    """
    inside = valid(values).copy()
    if pa.types.is_floating(values.type):
        inside &= ~np.isnan(numbers(values))
    for fence, above in ((low, False), (high, True)):
        if fence is not None:
            inside &= ~beyond(values, fence, above=above)
    rows = np.flatnonzero(inside)
    if not len(rows):
        return values
    middle = inf if high is None else -inf if low is None else (float(low) + float(high)) / 2
    sides = ((low, False, rows[drawn[rows] <= middle]), (high, True, rows[drawn[rows] > middle]))
    if pa.types.is_decimal(values.type):
        data: Any = units(values)
        for fence, above, at in sides:
            if fence is not None:
                data[at] = _next_whole(exactly(fence) * Fraction(10) ** values.type.scale, above)
        return of_units(data, values.type, ~valid(values) if values.null_count else None)
    data = numbers(values).copy()
    for fence, above, at in sides:
        if fence is not None:
            data[at] = _next_number(fence, above, data.dtype)
    return with_numbers(values, data)


def _next_whole(fence: Number, above: bool) -> int:
    return floor(fence) + 1 if above else ceil(fence) - 1


def _next_number(fence: Number, above: bool, dtype: np.dtype[Any]) -> Any:
    """The first number of the dtype beyond the fence, or the last one that it has.

    >>> _next_number(0, False, np.dtype("u1")), float(_next_number(0.1, True, np.dtype("f2"))) > 0.1
    (0, True)
    """
    if dtype.kind != "f":
        limits = np.iinfo(dtype)
        return min(max(_next_whole(fence, above), int(limits.min)), int(limits.max))
    with np.errstate(over="ignore"):
        nearest = dtype.type(float(fence))
        if (float(nearest) > fence) if above else (float(nearest) < fence):
            return nearest
        return np.nextafter(nearest, dtype.type(inf if above else -inf))
