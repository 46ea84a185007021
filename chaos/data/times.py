"""Times of any carrier as whole microseconds since 1970 (UTC), and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from chaos.data.columns import Flags, is_text, numbers, plain, valid, with_numbers
from chaos.data.rows import I64

#: The digits of a time behind its microseconds, of which Python drops all.
_FURTHER = re.compile(r":\d\d[.,]\d{6}(\d{1,3})")


def microseconds(array: pa.Array) -> tuple[I64, Flags]:
    """Microseconds, and which rows have a time; numbers are taken as epoch seconds, text as ISO 8601.

    >>> microseconds(pa.array(["1970-01-01T00:00:01Z", "soon", None]))[0].tolist()
    [1000000, 0, 0]
    """
    array = plain(array)
    kind = array.type
    if pa.types.is_timestamp(kind):
        array = array.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.int64())
    elif pa.types.is_date(kind):
        array = array.cast(pa.timestamp("us")).cast(pa.int64())
    elif pa.types.is_time(kind):
        array = array.cast(pa.time64("us"), safe=False).cast(pa.int64())
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        array = pc.multiply(array.cast(pa.float64(), safe=False), 1e6).cast(pa.int64(), safe=False)
    else:
        array = _from_text(array)
    return np.asarray(pc.fill_null(array, 0).to_numpy(zero_copy_only=False)), valid(array)


def _from_text(array: pa.Array) -> pa.Array:
    if is_text(array.type) and pc.any(pc.starts_with(array, "0000")).as_py():
        # A year that Arrow knows and Python does not: what a text means must not depend on those that come with it.
        array = pc.if_else(pc.starts_with(array, "0000"), pa.scalar(None, array.type), array)
    for kind in (pa.timestamp("us", "UTC"), pa.timestamp("us")):
        try:
            return array.cast(kind).cast(pa.int64())
        except pa.ArrowInvalid:
            continue
    return pa.array([_parsed(text) for text in array.to_pylist()], pa.int64())


def _parsed(text: object) -> int | None:
    try:
        return parse_stamp(str(text)) if text is not None else None
    except ValueError:
        return None


def parse_stamp(text: str) -> int:
    """Microseconds of an ISO 8601 text, UTC unless it names an offset; raises ``ValueError``.

    >>> parse_stamp("1970-01-02")
    86400000000
    """
    try:
        stamp = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"expected a time such as 2013-01-31T06:00:00Z, got {text!r}") from None
    if stamp.tzinfo is None:
        stamp = stamp.replace(tzinfo=UTC)
    since = stamp - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def parse_nanoseconds(text: str) -> int:
    """As `parse_stamp`, in nanoseconds, with the digits behind the microseconds.

    >>> parse_nanoseconds("1970-01-01T00:00:00.000001999Z")
    1999
    """
    return parse_stamp(text) * 1000 + _further_digits(text)


def parse_time(text: str) -> int:
    """Nanoseconds since midnight of a time of day; raises ``ValueError``.

    >>> parse_time("06:00")
    21600000000000
    """
    try:
        at = time.fromisoformat(text)
    except ValueError:
        raise ValueError(f"expected a time of day such as 06:30:00, got {text!r}") from None
    if at.tzinfo is not None:
        raise ValueError(f"expected a time of day without a zone, got {text!r}")
    return (((at.hour * 60 + at.minute) * 60 + at.second) * 1_000_000 + at.microsecond) * 1000 + _further_digits(text)


def _further_digits(text: str) -> int:
    found = _FURTHER.search(text)
    return int(found[1].ljust(3, "0")) if found else 0


def shifted(values: pa.Array, by_us: int) -> pa.Array:
    """Times later by so many microseconds, in the type and the form that they have; what is no time stays.

    >>> shifted(pa.array(["2013-01-31 23:00", "soon", None]), 7_200_000_000).to_pylist()
    ['2013-02-01 01:00', 'soon', None]
    """
    kind = values.type
    if is_text(kind):
        delta = timedelta(microseconds=by_us)
        return pa.array([_shifted_text(text, delta) for text in values.to_pylist()], kind)
    data = numbers(values)
    ticks = ticks_of(by_us, kind)
    if pa.types.is_time(kind):
        day = ticks_of(86_400_000_000, kind)
        return with_numbers(values, ((data.astype(np.int64) + ticks % day) % day).astype(data.dtype))
    return with_numbers(values, later(data, ticks, 86_400_000 if pa.types.is_date64(kind) else 1))


def ticks_of(by_us: int, kind: pa.DataType) -> int:
    """So many microseconds in the unit of a type of times, rounded down; of dates, as whole days.

    >>> ticks_of(-1, pa.timestamp("ns")), ticks_of(-1, pa.timestamp("s")), ticks_of(-1, pa.date64())
    (-1000, -1, -86400000)
    """
    if pa.types.is_date(kind):
        return by_us // 86_400_000_000 * (1 if pa.types.is_date32(kind) else 86_400_000)
    return by_us * {"s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}[kind.unit] // 1_000_000


def later(data: NDArray[Any], ticks: int, step: int = 1) -> NDArray[Any]:
    """The sum, and the first or the last time that there is, a multiple of the step, where the sum is beyond it.

    >>> later(np.array([1, 120], dtype=np.int8), 100).tolist(), later(np.array([-100], dtype=np.int8), 300).tolist()
    ([101, 127], [127])
    """
    limits = np.iinfo(data.dtype)
    last = int(limits.max) // step * step
    first = -last  # the number below is no time: numpy and pandas read it as none
    # More ticks than the type holds wrap around, and so does the sum: where it is a time, it is the right one.
    wrapped = (ticks - int(limits.min)) % 2**limits.bits + int(limits.min)
    moved = data + np.asarray(wrapped, dtype=data.dtype)
    return np.where(data > last - ticks, last, moved) if ticks > 0 else np.where(data < first - ticks, first, moved)


def _shifted_text(text: str | None, delta: timedelta) -> str | None:
    if text is None:
        return None
    try:
        later = datetime.fromisoformat(text) + delta
    except (ValueError, OverflowError):
        return text
    places = text.partition(".")[2]
    precision = "milliseconds" if len(places.rstrip("Z")) == 3 else "auto"
    written = later.isoformat(sep="T" if "T" in text else " ", timespec=precision)
    if text.endswith("Z"):
        written = written.replace("+00:00", "Z")
    return written[:-3] if not later.second and text.count(":") == 1 else written
