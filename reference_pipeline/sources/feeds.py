"""What each provider publishes: its columns, format and rhythm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import pyarrow as pa

from reference_pipeline.columns import COLUMNS
from reference_pipeline.data import Prepared

#: Sequence 0 of every feed is the window that starts here: 2013-01-01T00:00:00Z.
DATA_EPOCH = 1_356_998_400

Format = Literal["csv", "json", "parquet"]


@dataclass(frozen=True, slots=True)
class Feed:
    """A provider's promise.

    A batch covers one window of ``period_s`` and is published ``lag_s`` after the window's end, plus up to
    ``jitter_s``. ``columns`` maps names to ``string``, ``int64``, ``float64`` or ``timestamp`` (ISO 8601 UTC
    in JSON and CSV).
    """

    name: str
    format: Format
    period_s: int
    lag_s: int
    jitter_s: float
    contract_version: str
    columns: Mapping[str, str]

    @property
    def media_type(self) -> str:
        """The payload's Content-Type."""
        return {"json": "application/json", "csv": "text/csv", "parquet": "application/vnd.apache.parquet"}[self.format]


FEEDS: Mapping[str, Feed] = {
    feed.name: feed
    for feed in (
        Feed(
            name="flights",
            format="json",
            period_s=900,
            lag_s=5,
            jitter_s=5.0,
            contract_version="1.0",
            columns=COLUMNS["flights"],
        ),
        Feed(
            name="weather",
            format="csv",
            period_s=3600,
            lag_s=300,
            jitter_s=10.0,
            contract_version="1.0",
            columns=COLUMNS["weather"],
        ),
        Feed(
            name="planes",
            format="parquet",
            period_s=86400,
            lag_s=600,
            jitter_s=30.0,
            contract_version="1.0",
            columns=COLUMNS["planes"],
        ),
    )
}


def feeds(grain_s: float = 0.0) -> Mapping[str, Feed]:
    """Every feed, with batches of at least so many seconds (whole hours at most, so that a day has a whole number).

    >>> feeds(3600)["flights"].period_s, feeds()["flights"].period_s
    (3600, 900)
    """
    return {name: replace(feed, period_s=max(feed.period_s, int(grain_s))) for name, feed in FEEDS.items()}


def rows_of(feed: Feed, prepared: Prepared, window_start: int) -> pa.Table:
    """The rows of the batch whose window starts then, timestamps as epoch seconds.

    Flights: events in ``[start, end)``. Weather: the observations that close the hour, in ``(start, end]``.
    Planes: the whole register, every day.
    """
    if feed.name == "flights":
        table = prepared.events(window_start, window_start + feed.period_s)
    elif feed.name == "weather":
        table = prepared.weather(window_start + 1, window_start + feed.period_s + 1)
    else:
        table = prepared.planes
    return table.select(list(feed.columns))
