"""The features service: takes over partitions from ingestion, keeps the online store and its offline twin current."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reference_pipeline.clock import Clock
from reference_pipeline.features.definitions import LATE_MIN, VIEWS, as_number
from reference_pipeline.features.offline import OfflineLog
from reference_pipeline.features.windows import Columns, FeatureEngine, Updates
from reference_pipeline.http import service_routes
from reference_pipeline.store.online import OnlineStore

#: Labels that monitoring may still ask for.
_LABELS_KEPT = 20_000


class FeatureService:
    """Turns partitions into features. A partition that could not be stored is refused, so that ingestion sends it again."""

    def __init__(self, store: OnlineStore, log: OfflineLog, clock: Clock) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._engine = FeatureEngine()
        self._taken_at: dict[str, float] = {}
        self._labels: deque[tuple[int, str, int]] = deque(maxlen=_LABELS_KEPT)
        self._label_count = 0
        self._seen: dict[str, None] = {}
        self._pending: Updates = {}
        self._counts = {"partitions": 0, "values": 0, "store_errors": 0}

    async def take(self, feed: str, batch_id: str, columns: Columns) -> None:
        """Updates the features of a partition; raises `RedisError` when the online store can't be written."""
        now = self._clock.now()
        if batch_id not in self._seen:  # at least once: a partition may come again
            updates = self._engine.update(feed, columns, now)
            self._log.append(updates, now, f"{feed}-{batch_id}")
            self._pending.update(updates)
            self._remember_labels(feed, columns)
            self._seen[batch_id] = None
            self._counts["partitions"] += 1
        entries = [
            (f"f:{kind}:{entity}", values, VIEWS[kind].ttl_s) for (kind, entity), values in self._pending.items()
        ]
        try:
            if entries:
                await self._store.write(entries, now)
        except RedisError:
            self._counts["store_errors"] += 1
            raise
        self._counts["values"] += len(entries)
        self._taken_at[feed] = now
        self._pending = {}

    def _remember_labels(self, feed: str, columns: Columns) -> None:
        if feed != "flights" or "flight_id" not in columns or "event" not in columns:
            return
        blank = [None] * len(columns["flight_id"])
        rows = zip(columns["flight_id"], columns["event"], columns.get("arr_delay", blank), strict=True)
        for flight_id, event, arr_delay in rows:
            late = label(event, arr_delay)
            if late is not None and flight_id is not None:
                self._label_count += 1
                self._labels.append((self._label_count, flight_id, late))

    def labels_after(self, sequence: int) -> list[tuple[int, str, int]]:
        """Labels that became known after the one numbered ``sequence``: (number, flight, late)."""
        newest_first: list[tuple[int, str, int]] = []
        for entry in reversed(self._labels):
            if entry[0] <= sequence:
                break
            newest_first.append(entry)
        return newest_first[::-1]

    def status(self) -> dict[str, Any]:
        """When a partition of each feed was last turned into features (epoch seconds), and counters."""
        return {"taken_at": dict(self._taken_at), **self._counts}


def label(event: Any, arr_delay: Any) -> int | None:
    """Whether a flight was late, once it is known: more than 15 minutes late, cancelled, or diverted (it has no delay).

    >>> label("arrived", 16.0), label("arrived", None), label("cancelled", None), label("departed", None)
    (1, 1, 1, None)
    """
    if event == "cancelled":
        return 1
    if event == "arrived":
        delay = math.inf if arr_delay is None else as_number(arr_delay)
        return None if math.isnan(delay) else int(delay > LATE_MIN)
    return None


def create_features(service: FeatureService, lake: Path) -> Starlette:
    """The service's HTTP face. ``POST /partitions`` names a Parquet file of the lake."""

    async def partition(request: Request) -> Response:
        body: Mapping[str, Any] = await request.json()
        table = pq.ParquetFile(lake / body["path"]).read(use_threads=False)
        try:
            await service.take(body["feed"], body["batch_id"], table.to_pydict())
        except RedisError as error:
            return JSONResponse({"detail": f"online store: {error}"}, status_code=503)
        return JSONResponse({"ok": True})

    async def labels(request: Request) -> Response:
        return JSONResponse(service.labels_after(int(request.query_params.get("after", "0"))))

    routes = [Route("/partitions", partition, methods=["POST"]), Route("/labels", labels)]
    return Starlette(routes=[*routes, *service_routes("features", service.status)])
