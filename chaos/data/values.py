"""Values that a user gave, and values of other columns, in the type of the column that they go to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chaos.data.casts import cast
from chaos.data.columns import fitted, floats, is_text, plain, value_type
from chaos.data.conditions import is_among
from chaos.data.rows import I64
from chaos.data.times import parse_stamp
from chaos.data.where import Scalar
from chaos.errors import InvalidFault, Problem


def typed(items: Sequence[Scalar], kind: pa.DataType, *, fault: str, param: str) -> pa.Array:
    """Given values as an array of the type; raises `InvalidFault` for one that the type cannot hold.

    >>> typed([0, -999], pa.float64(), fault="data.disguised_null", param="value").to_pylist()
    [0.0, -999.0]
    """
    try:
        if pa.types.is_timestamp(kind):
            return _stamps(items, kind)
        text = is_text(kind)
        for item in items:
            if isinstance(item, str) is not text or isinstance(item, bool) is not pa.types.is_boolean(kind):
                raise TypeError(f"{item!r} is of another kind")
        return _as_they_are(items, kind) if alike(kind, items) else pa.array(items).cast(kind)
    except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
        problem = Problem(param, f"does not fit a column of {kind}: {str(error).splitlines()[0]}")
        raise InvalidFault(fault, [problem]) from None


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


def converted(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Values of one column as another one would hold them; what does not fit becomes null.

    >>> converted(pa.array(["12.6", "JFK"]), pa.int64()).to_pylist()
    [13, None]
    """
    values = plain(values)
    if values.type == kind:
        return values
    if is_text(kind):
        return cast(values, "text").cast(kind)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        numeric = floats(cast(values, "float"))
        known = ~np.isnan(numeric)
        return pa.array(fitted(numeric, np.dtype(kind.to_pandas_dtype())), kind, mask=~known)
    try:
        return values.cast(kind)
    except pa.ArrowNotImplementedError:
        return pa.nulls(len(values), kind)
    except pa.ArrowException:  # what a value becomes must not depend on those that come with it
        if values.type.num_fields or value_type(kind) != kind:  # Arrow has no dictionaries of these
            return _cast_or_null(values, kind)
        coded = values.dictionary_encode()
        words = coded.dictionary
        if is_text(words.type) and (pa.types.is_temporal(kind) or pa.types.is_decimal(kind)):
            # Most of what does not fit starts with a letter: found at once, as each failed cast takes microseconds.
            words = pc.if_else(pc.match_substring_regex(words, r"^[-+.\d]"), words, pa.scalar(None, words.type))
        return _cast_or_null(words, kind).take(coded.indices)


def _cast_or_null(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Each value in the other type or, if it does not fit, null: halved until what is left fits or is one value."""
    try:
        return values.cast(kind)
    except pa.ArrowException:
        middle = len(values) // 2
        if not middle:
            return pa.nulls(1, kind)
        return pa.concat_arrays([_cast_or_null(half, kind) for half in (values[:middle], values[middle:])])


def joined_text(values: pa.Array, prefix: str, suffix: str) -> pa.Array:
    """Each text with something before and behind it."""
    kind = values.type
    return pc.binary_join_element_wise(
        pa.scalar(prefix, kind), values, pa.scalar(suffix, kind), pa.scalar("", kind), null_handling="emit_null"
    )
