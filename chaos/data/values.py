"""Values that a user gave, and values of other columns, in the type of the column that they go to."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chaos.data.columns import is_text, largest_decimal, plain
from chaos.data.conditions import is_among
from chaos.data.decimals import largest_units, of_units
from chaos.data.rows import I64
from chaos.data.times import parse_stamp, parse_time
from chaos.data.where import Scalar, kind_of
from chaos.errors import InvalidFault, Problem

_DAY_US = 86_400_000_000


def typed(items: Sequence[Scalar], kind: pa.DataType, *, fault: str, param: str) -> pa.Array:
    """Given values as an array of the type; raises `InvalidFault` for one that the type cannot hold.

    >>> typed([0, -999], pa.float64(), fault="data.disguised_null", param="value").to_pylist()
    [0.0, -999.0]
    """
    try:
        if pa.types.is_timestamp(kind):
            return _stamps(items, kind)
        wanted = _wanted(kind)
        for item in items:
            if kind_of(item) != wanted:
                raise TypeError(f"expected a {wanted}{_such_as(kind)}, got {item!r}")
        if pa.types.is_date(kind) or pa.types.is_time(kind):
            return _days_or_times(items, kind)
        if pa.types.is_decimal(kind):
            return _decimals(items, kind)
        if pa.types.is_duration(kind) and not all(float(item).is_integer() for item in items):
            raise TypeError(f"expected whole numbers of {kind.unit}, got {', '.join(map(repr, items))}")
        return _as_they_are(items, kind) if alike(kind, items) else pa.array(items).cast(kind)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        problem = Problem(param, f"does not fit a column of {kind}: {str(error).splitlines()[0]}")
        raise InvalidFault(fault, [problem]) from None


def _wanted(kind: pa.DataType) -> str:
    """Which kind of value is given for a column of the type; raises ``TypeError`` if none can be."""
    if is_text(kind) or pa.types.is_date(kind) or pa.types.is_time(kind):
        return "text"
    if pa.types.is_boolean(kind):
        return "flag"
    numeric = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_duration)
    if any(test(kind) for test in numeric):
        return "number"
    if pa.types.is_null(kind):
        raise TypeError("it has no value yet that tells what it holds: cast the column to the type of the value first")
    raise TypeError("values are given as flags, numbers or texts, and it holds none of these")


def _such_as(kind: pa.DataType) -> str:
    return " such as 2013-01-31" if pa.types.is_date(kind) else " such as 06:30:00" if pa.types.is_time(kind) else ""


def _days_or_times(items: Sequence[Scalar], kind: pa.DataType) -> pa.Array:
    """Given dates, or times of day, without the digits that the type lacks."""
    if pa.types.is_date(kind):
        return pa.array([parse_stamp(str(item)) // _DAY_US for item in items], pa.int32()).cast(pa.date32()).cast(kind)
    return pa.array([parse_time(str(item)) for item in items], pa.int64()).cast(pa.time64("ns")).cast(kind, safe=False)


def _decimals(items: Sequence[Scalar], kind: pa.DataType) -> pa.Array:
    """Given numbers rounded to the scale of the type."""
    scale, largest = Fraction(10) ** kind.scale, largest_units(kind)
    found = [round(Fraction(repr(item)) * scale) for item in items]
    for item, unit in zip(items, found, strict=True):
        if abs(unit) > largest:
            raise ValueError(f"{item!r} is not between -{largest_decimal(kind)} and {largest_decimal(kind)}")
    return of_units(np.array(found, dtype=object), kind)


def _stamps(items: Sequence[Scalar], kind: pa.DataType) -> pa.Array:
    """Given times in the unit of the type, without the digits that it lacks."""
    us = [parse_stamp(str(item)) for item in items]
    if kind.unit == "ns":
        for item, stamp in zip(items, us, strict=True):
            if not -(2**63) < stamp * 1000 < 2**63:
                raise ValueError(f"{str(item)!r} is not between 1677-09-21 and 2262-04-11")
    return pa.array(us, pa.int64()).cast(pa.timestamp("us", kind.tz)).cast(kind, safe=False)


def constant(item: Scalar, kind: pa.DataType, count: int, *, fault: str, param: str) -> pa.Array:
    """One given value ``count`` times."""
    return typed([item], kind, fault=fault, param=param).take(pa.array(np.zeros(count, dtype=np.int64)))


def places(values: pa.Array, items: Sequence[Scalar], *, fault: str, param: str) -> I64:
    """For each value its place among the items, or -1.

    >>> places(pa.array(["b", "x", None]), ["a", "b"], fault="data.label_noise", param="classes").tolist()
    [1, -1, -1]
    """
    if pa.types.is_dictionary(values.type):
        of_words = places(plain(values.dictionary), items, fault=fault, param=param)
        indices = values.indices.fill_null(0) if values.indices.null_count else values.indices
        return of_words[indices.to_numpy()] if len(of_words) else np.full(len(values), -1)
    try:
        if alike(values.type, items):
            known = pc.index_in(values, _as_they_are(items, values.type))
            return np.asarray(known.fill_null(-1) if known.null_count else known).astype(np.int64)
        found = np.full(len(values), -1, dtype=np.int64)
        for place, item in enumerate(items):
            found[is_among(values, [item])] = place
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        raise InvalidFault(fault, [Problem(param, f"the column cannot hold that: {error}")]) from None
    return found


def alike(kind: pa.DataType, items: Sequence[Scalar]) -> bool:
    """Whether a column of text or of whole numbers can be compared with the items as they are."""
    if is_text(kind):
        return all(isinstance(item, str) for item in items)
    return pa.types.is_integer(kind) and all(type(item) is int for item in items)


def _as_they_are(items: Sequence[Scalar], kind: pa.DataType) -> pa.Array:
    """Items that are `alike` in the type."""
    if pa.types.is_integer(kind):
        limits = np.iinfo(kind.to_pandas_dtype())
        for item in items:
            if not limits.min <= int(item) <= limits.max:
                raise ValueError(f"{item!r} is not between {limits.min} and {limits.max}")
    return pa.array(items, kind)


def joined_text(values: pa.Array, prefix: str, suffix: str) -> pa.Array:
    """Each text with something before and behind it."""
    kind = values.type
    return pc.binary_join_element_wise(
        pa.scalar(prefix, kind), values, pa.scalar(suffix, kind), pa.scalar("", kind), null_handling="emit_null"
    )
