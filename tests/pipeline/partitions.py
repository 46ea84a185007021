"""Partitions of the lake as ingestion writes them, and a store that keeps time by the test's clock."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from reference_pipeline.columns import COLUMNS
from reference_pipeline.data import Prepared
from reference_pipeline.ingestion import Manifest
from reference_pipeline.ingestion.lake import write_partition
from reference_pipeline.store.online import STAMP

from .conftest import HandClock

FEED_PERIOD_S = {"flights": 900, "weather": 3600, "planes": 86400}


def flight_row(**fields: Any) -> dict[str, Any]:
    """A row of the feed flights; what isn't given is null."""
    return dict.fromkeys(COLUMNS["flights"]) | fields


def by_column(rows: Sequence[Mapping[str, Any]], feed: str = "flights") -> dict[str, list[Any]]:
    return {name: [row.get(name) for row in rows] for name in COLUMNS[feed]}


def real_partition(prepared: Prepared, lake: Path, feed: str, start: float) -> Path:
    """Writes the partition of the window that starts then, from the real data; its path."""
    end = start + FEED_PERIOD_S[feed]
    if feed == "flights":
        table = prepared.events(start, end)
    elif feed == "weather":
        table = prepared.weather(start + 1, end + 1)
    else:
        table = prepared.planes
    return write(lake, feed, start, table.select(list(COLUMNS[feed])))


def write(lake: Path, feed: str, start: float, table: pa.Table, **lineage: float) -> Path:
    """Writes a partition with its lineage."""
    end = start + FEED_PERIOD_S[feed]
    manifest = Manifest(
        batch_id=f"{feed}-{start:.0f}",
        feed=feed,
        sequence=int(start // FEED_PERIOD_S[feed]),
        window_start=start,
        window_end=end,
        produced_at=end + 5,
        rows=len(table),
        columns=COLUMNS[feed],
        format="parquet",
        sha256="",
        contract_version="1.0",
    )
    return write_partition(lake, manifest, table, {"window_end": end, **lineage})


class ClockedStore:
    """`OnlineStore` as a dictionary: values expire by the test's clock. ``broken`` makes every call fail."""

    failovers = 0
    write_errors = 0

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock
        self.values: dict[str, tuple[float, dict[str, Any]]] = {}
        self.broken: Exception | None = None
        self.writes = 0

    async def write(self, entries: Iterable[tuple[str, Mapping[str, Any], float, int]]) -> None:
        if self.broken is not None:
            raise self.broken
        self.writes += 1
        for key, values, through, ttl_s in entries:
            self.values[key] = (self._clock.at + (math.inf if ttl_s is None else ttl_s), {**values, STAMP: through})

    async def read(self, keys: Sequence[str]) -> list[dict[str, Any] | None]:
        if self.broken is not None:
            raise self.broken
        found = (self.values.get(key) for key in keys)
        return [entry[1] if entry is not None and self._clock.at < entry[0] else None for entry in found]
