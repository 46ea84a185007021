"""Times moved by some seconds, whether they are stamps or text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from chaos.data.columns import is_text, numbers, with_numbers
from chaos.data.times import later, ticks_of


def shifted(values: pa.Array, by_s: float) -> pa.Array:
    """The times moved by some seconds, in the same form; text that is no ISO 8601 time stays.

    >>> shifted(pa.array(["2013-06-10T05:00:00Z", "soon", None]), 90.0).to_pylist()
    ['2013-06-10T05:01:30Z', 'soon', None]
    """
    kind = values.type
    if pa.types.is_timestamp(kind):
        by_us = round(by_s * 1e6)
        ticks = ticks_of(abs(by_us), kind)  # what is less than a tick is dropped, on both sides
        return with_numbers(values, later(numbers(values), ticks if by_us > 0 else -ticks))
    if pa.types.is_date(kind):
        return pc.add(values.cast(pa.timestamp("s")), pa.scalar(round(by_s), pa.duration("s"))).cast(kind, safe=False)
    if is_text(kind):
        return pa.array([_shifted(text, by_s) for text in values.to_pylist()], kind)
    return values


def _shifted(text: str | None, by_s: float) -> str | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text) + timedelta(seconds=by_s)
    except (ValueError, OverflowError):
        return text
    written = at.isoformat()
    return written.replace("+00:00", "Z") if text.endswith("Z") and at.tzinfo is UTC else written
