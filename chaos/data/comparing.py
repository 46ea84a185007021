"""Values compared with limits exactly: no whole number, decimal or time goes through a float on the way."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor, inf, nextafter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from chaos.data.columns import Flags, Floats, flags, floats, numbers, valid
from chaos.data.decimals import Number, exactly, largest_units, units
from chaos.data.precise import beyond_float_digits
from chaos.data.times import parse_nanoseconds, parse_time

_TICK_NS = {"s": 10**9, "ms": 10**6, "us": 1000, "ns": 1}
_DAY_NS = 86_400 * 10**9


def beyond(values: pa.Array, limit: Number, *, above: bool) -> Flags:
    """Which values are greater than the limit, or less if not ``above``; null and NaN are neither.

    >>> beyond(pa.array([2**53, 2**53 + 1, None]), 2**53, above=True).tolist()
    [False, True, False]
    """
    kind = values.type
    if pa.types.is_decimal(kind):
        return _decimals_beyond(values, exactly(limit), above)
    if pa.types.is_integer(kind):
        return whole_beyond(numbers(values), floor(limit) if above else ceil(limit), above=above) & valid(values)
    edge = _next_float(limit, above)
    numeric = floats(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(numeric > edge if above else numeric < edge)


def _next_float(limit: Number, above: bool) -> float:
    """The float that stands for the limit among floats: the same ones are beyond it."""
    nearest = float(limit)
    if above:
        return nearest if nearest <= limit else nextafter(nearest, -inf)
    return nearest if nearest >= limit else nextafter(nearest, inf)


def whole_beyond(data: NDArray[Any], limit: int, *, above: bool) -> Flags:
    """`beyond` for whole numbers and a whole limit, which need not fit their type.

    >>> whole_beyond(np.array([1, 255], dtype=np.uint8), -1, above=True).tolist()
    [True, True]
    """
    first, last = int(np.iinfo(data.dtype).min), int(np.iinfo(data.dtype).max)
    if not first <= limit <= last:
        return np.full(len(data), (limit < first) is above)
    edge = data.dtype.type(limit)
    return np.asarray(data > edge if above else data < edge)


def _decimals_beyond(values: pa.Array, limit: Fraction, above: bool) -> Flags:
    kind = values.type
    in_units = limit * Fraction(10) ** kind.scale
    edge = floor(in_units) if above else ceil(in_units)
    largest = largest_units(kind)
    if abs(edge) > largest:
        return valid(values) if (edge < 0) is above else np.zeros(len(values), dtype=bool)
    if kind.scale < 0:  # which Arrow does not compare
        data = units(values)
        return np.asarray((data > edge if above else data < edge), dtype=bool) & valid(values)
    scalar = pa.scalar(Decimal((int(edge < 0), tuple(map(int, str(abs(edge)))), -kind.scale)), kind)
    return flags(pc.greater(values, scalar) if above else pc.less(values, scalar))


def ramp(values: pa.Array, first: Number, second: Number) -> Floats:
    """How far each value is on the way from the first to the second, 0 to 1; null and NaN are at 0.

    >>> ramp(pa.array([2**53 + 1, 2**53 + 3, None]), 2**53, 2**53 + 4).tolist()
    [0.25, 0.75, 0.0]
    """
    numeric = floats(values)
    low, high = float(first), float(second)
    with np.errstate(invalid="ignore"):
        way = (numeric - low) / (high - low) if low != high else _step(numeric, high, second > first)
    large = beyond_float_digits(values, numeric)
    if len(large):  # each on its own: what one row gets does not depend on the others
        way[large] = _exact_way(values.take(pa.array(large)), exactly(first), exactly(second))
    return np.nan_to_num(np.clip(way, 0.0, 1.0), nan=0.0)


def _step(numeric: Floats, limit: float, upwards: bool) -> Floats:
    """The way between two numbers that are one among floats."""
    return np.where(numeric >= limit if upwards else numeric <= limit, 1.0, 0.0)


def _exact_way(values: pa.Array, first: Fraction, second: Fraction) -> Floats:
    over = first.denominator * second.denominator
    begin, width = int(first * over), int((second - first) * over)
    if pa.types.is_decimal(values.type):
        scale = values.type.scale
        data, begin, width = units(values), begin * 10 ** max(scale, 0), width * 10 ** max(scale, 0)
        over *= 10 ** max(-scale, 0)
    else:
        data = numbers(values).astype(object)
    return np.array([(value * over - begin) / width for value in data.tolist()], dtype=np.float64)


def has_ticks(kind: pa.DataType) -> bool:
    """Whether times of the type are whole numbers since 1970.

    >>> has_ticks(pa.date64()), has_ticks(pa.time64("ns")), has_ticks(pa.string())
    (True, False, False)
    """
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _tick_ns(kind: pa.DataType) -> int:
    if pa.types.is_date(kind):
        return _DAY_NS if pa.types.is_date32(kind) else _TICK_NS["ms"]
    return _TICK_NS[kind.unit]


def from_stamp(values: pa.Array, stamp: str) -> Flags:
    """Which times are the given one or later, for types that have ticks.

    >>> from_stamp(pa.array([999, 1000], pa.timestamp("ns")), "1970-01-01T00:00:00.000001").tolist()
    [False, True]
    """
    tick = -(-parse_nanoseconds(stamp) // _tick_ns(values.type))
    return whole_beyond(numbers(values), tick - 1, above=True) & valid(values)


def same_stamps(values: pa.Array, stamps: Sequence[str]) -> Flags:
    """Which times are one of those given, for types that have ticks, or times of day.

    >>> same_stamps(pa.array([0, 1], pa.timestamp("ns")), ["1970-01-01T00:00:00.000000001"]).tolist()
    [False, True]
    """
    data, tick_ns = numbers(values), _tick_ns(values.type)
    limits = np.iinfo(data.dtype)
    parsed = parse_time if pa.types.is_time(values.type) else parse_nanoseconds
    divided = [divmod(parsed(stamp), tick_ns) for stamp in stamps]
    ticks = [tick for tick, left in divided if not left and limits.min <= tick <= limits.max]
    return np.isin(data, np.array(ticks, dtype=data.dtype)) & valid(values)
