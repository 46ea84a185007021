"""What users met over time, in each arm: the journal's requests in buckets, small enough for a page.

A bucket keeps the middle and the extreme of its requests, so that one slow answer among thousands is still there
to be seen. A control is kept once, however many treatments share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Trace", "TraceReader", "bucket_width_s"]

Values = tuple[float | None, ...]
Floats = npt.NDArray[np.float64]

#: Widths that people read easily, in seconds, and how many buckets an arm has at most.
_WIDTHS_S = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
MOST_BUCKETS = 150
_FIELDS = ("sent", "latency_ms", "status", "p", "feature_age_s", "model_age_s")


@dataclass(frozen=True, slots=True)
class Trace:
    """One arm from the end of its warm-up on, a value a bucket of ``bucket_s`` seconds; None where there is none.

    ``availability`` is the share of requests with a usable answer. Latencies (milliseconds) and ages (seconds) are
    those of the usable answers: the median, and the worst one.
    """

    bucket_s: float
    availability: Values
    latency_ms: Values
    latency_ms_max: Values
    feature_age_s: Values
    feature_age_s_max: Values
    model_age_s: Values
    model_age_s_max: Values


@dataclass(slots=True)
class _Arm:
    start: Mapping[str, Any]
    columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in _FIELDS})


class TraceReader:
    """Looks at the records of a journal while somebody else reads them."""

    def __init__(self) -> None:
        self._arms: dict[str, _Arm] = {}

    def watching(self, records: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """The same records. Each is only kept here: whether it can be used is for their reader to say."""
        for record in records:
            yield record
            if record["kind"] == "request":
                columns = self._arms[record["arm"]].columns
                for name in _FIELDS:
                    columns[name].append(record[name])
            elif record["kind"] == "arm.start":
                self._arms[record["arm"]] = _Arm(record)

    def control_of(self, arm: str) -> str | None:
        """The id of a treatment's control."""
        seen = self._arms.get(arm)
        return None if seen is None else seen.start.get("control")

    def trace(self, arm: str) -> Trace | None:
        """The trace of an arm that was seen; None for any other. A treatment's buckets are those of its control."""
        seen = self._arms.get(arm)
        if seen is None:
            return None
        control = self._arms.get(self.control_of(arm) or "", seen)
        return _trace(seen, bucket_width_s(float(control.start["horizon_s"])))


def bucket_width_s(horizon_s: float) -> float:
    """The finest width that gives at most `MOST_BUCKETS` buckets.

    >>> bucket_width_s(12 * 3600), bucket_width_s(24 * 3600)
    (300.0, 600.0)
    """
    return float(next((w for w in _WIDTHS_S if horizon_s / w <= MOST_BUCKETS), horizon_s / MOST_BUCKETS))


def _trace(arm: _Arm, bucket_s: float) -> Trace:
    column = {name: _floats(values) for name, values in arm.columns.items()}
    count = max(1, int(np.ceil(float(arm.start["horizon_s"]) / bucket_s)))
    bucket = np.floor((column["sent"] - float(arm.start["warmup_s"])) / bucket_s)
    due = (bucket >= 0) & (bucket < count)
    at = bucket[due].astype(np.int64)
    status = column["status"][due]
    answered = (status >= 200) & (status < 300) & np.isfinite(column["p"][due])
    latency = _spread(at[answered], column["latency_ms"][due][answered], count)
    feature = _spread(at[answered], column["feature_age_s"][due][answered], count)
    model = _spread(at[answered], column["model_age_s"][due][answered], count)
    sent = np.bincount(at, minlength=count)
    came = np.bincount(at[answered], minlength=count)
    shares = tuple(round(int(c) / int(s), 4) if s else None for c, s in zip(came, sent, strict=True))
    return Trace(bucket_s, shares, *latency, *feature, *model)


def _spread(at: npt.NDArray[np.int64], values: Floats, count: int) -> tuple[Values, Values]:
    """Median and maximum of each bucket."""
    known = np.isfinite(values)
    at, values = at[known], values[known]
    order = np.lexsort((values, at))
    at, values = at[order], values[order]
    first, past = np.searchsorted(at, np.arange(count)), np.searchsorted(at, np.arange(count), side="right")
    middle: list[float | None] = []
    most: list[float | None] = []
    for begin, end in zip(first, past, strict=True):
        empty = begin == end
        middle.append(None if empty else _digits(float(values[(begin + end - 1) // 2])))
        most.append(None if empty else _digits(float(values[end - 1])))
    return tuple(middle), tuple(most)


def _digits(value: float) -> float:
    """Three significant digits: more than a plot can show."""
    return float(f"{value:.3g}")


def _floats(values: list[Any]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
