"""Conditions evaluated: how much of the rate each row gets."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from chaos.data.columns import Flags, Floats, flags, floats, is_number, is_text, numbers, valid
from chaos.data.comparing import beyond, from_stamp, has_ticks, ramp, same_stamps
from chaos.data.decimals import Number, exactly, largest_units, of_units
from chaos.data.source import Cells
from chaos.data.times import microseconds, parse_nanoseconds, parse_stamp
from chaos.data.where import Condition, Scalar
from chaos.errors import InvalidFault, Problem


def weights(conditions: Sequence[Condition], cells: Cells, own: str, fault: str) -> Floats | None:
    """The share of the rate for each row, 0 to 1; None where there are no conditions.

    ``own`` is the column that conditions without one mean.

    >>> from chaos.data.source import TableCells
    >>> cells = TableCells(pa.table({"temp": [50.0, 75.0, 100.0, None]}))
    >>> weights([Condition(rising=(50, 100))], cells, "temp", "data.null_spike").tolist()
    [0.0, 0.5, 1.0, 0.0]
    """
    if not conditions:
        return None
    total = np.ones(cells.rows)
    for condition in conditions:
        values = cells.whole(condition.column or own)
        try:
            total *= _weight(condition, values)
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            name = condition.column or own
            problem = Problem("where", f"column {name!r} of type {values.type} cannot be compared: {error}")
            raise InvalidFault(fault, [problem]) from None
    return total


def _weight(condition: Condition, values: pa.Array) -> Floats | Flags:
    if condition.missing is not None:
        return valid(values) ^ condition.missing
    if condition.among is not None:
        return is_among(values, condition.among)
    if condition.after is not None or condition.before is not None:
        return _within(condition, values)
    if condition.rising is not None:
        return ramp(values, *condition.rising)
    held: Flags = np.ones(len(values), dtype=bool)
    if condition.above is not None:
        held &= beyond(values, condition.above, above=True)
    if condition.below is not None:
        held &= beyond(values, condition.below, above=False)
    return held


def is_among(values: pa.Array, wanted: Sequence[Scalar]) -> Flags:
    """Which values are one of those wanted; null is none of them. Raises `pa.ArrowException` if types differ."""
    kind = values.type
    if pa.types.is_null(kind):
        return np.zeros(len(values), dtype=bool)
    if has_ticks(kind) or pa.types.is_time(kind):
        return same_stamps(values, [str(stamp) for stamp in wanted])
    if is_number(kind):
        if any(isinstance(item, str) for item in wanted):
            raise TypeError(f"it holds numbers, and {next(i for i in wanted if isinstance(i, str))!r} is text")
        if pa.types.is_decimal(kind):
            return _decimals_among(values, wanted)
        data = numbers(values)
        return np.isin(data, in_dtype(wanted, data.dtype)) & valid(values)
    text = is_text(kind)
    if text and not all(isinstance(item, str) for item in wanted):
        raise TypeError(f"it holds text, and {next(i for i in wanted if not isinstance(i, str))!r} is none")
    return flags(pc.is_in(values, value_set=pa.array(wanted, kind)))


def _decimals_among(values: pa.Array, wanted: Sequence[Scalar]) -> Flags:
    kind = values.type
    if kind.bit_width < 128:  # in which Arrow looks nothing up
        kind = pa.decimal128(kind.precision, kind.scale)
    scale, largest = Fraction(10) ** kind.scale, largest_units(kind)
    found = [exactly(item) * scale for item in wanted if not isinstance(item, str)]
    whole = [int(item) for item in found if item.denominator == 1 and abs(item) <= largest]
    return flags(pc.is_in(values.cast(kind), value_set=of_units(np.array(whole, dtype=object), kind)))


def in_dtype(wanted: Sequence[Scalar], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The numbers as a column of the dtype has them, without those that it cannot hold.

    >>> in_dtype([0.1, 1e40], np.dtype("f4")).tolist() == [np.float32(0.1)]
    True
    >>> in_dtype([2**53 + 1, 2**70, 0.5, 3.0], np.dtype("i8")).tolist() == [2**53 + 1, 3]
    True
    """
    if dtype.kind == "f":
        given = np.array([float(item) for item in wanted])
        with np.errstate(over="ignore"):
            held = given.astype(dtype)
        return np.asarray(held[np.isfinite(held) | ~np.isfinite(given)])
    limits = np.iinfo(dtype)
    whole = [int(item) for item in wanted if not isinstance(item, float) or item.is_integer()]
    return np.array([number for number in whole if limits.min <= number <= limits.max], dtype)


def _within_seconds(condition: Condition, values: pa.Array) -> Flags:
    """`_within` for numbers, which are seconds since 1970: no digit of those that have more than a float is lost."""
    held = valid(values).copy()
    if pa.types.is_floating(values.type):
        held &= ~np.isnan(floats(values))
    if condition.after is not None:
        held &= ~beyond(values, _seconds(condition.after, values.type), above=False)
    if condition.before is not None:
        held &= beyond(values, _seconds(condition.before, values.type), above=False)
    return held


def _seconds(stamp: str, kind: pa.DataType) -> Number:
    """A time as the column would hold it: among floats it is the one that is next to it."""
    seconds = Fraction(parse_nanoseconds(stamp), 10**9)
    return float(seconds) if pa.types.is_floating(kind) else seconds


def _within(condition: Condition, values: pa.Array) -> Flags:
    if pa.types.is_time(values.type):
        raise TypeError(f"it holds times of day, and {condition.after or condition.before!r} is on one day")
    if has_ticks(values.type):
        held = valid(values).copy()
        if condition.after is not None:
            held &= from_stamp(values, condition.after)
        if condition.before is not None:
            held &= ~from_stamp(values, condition.before)
        return held
    if is_number(values.type):
        return _within_seconds(condition, values)
    us, known = microseconds(values)
    held = known.copy()
    if condition.after is not None:
        held &= us >= parse_stamp(condition.after)
    if condition.before is not None:
        held &= us < parse_stamp(condition.before)
    return held
