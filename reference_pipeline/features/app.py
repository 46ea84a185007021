"""The features service: takes over partitions from ingestion, keeps the online store and its offline twin current."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reference_pipeline.clock import Clock
from reference_pipeline.features.definitions import VIEWS
from reference_pipeline.features.labels import labels_of
from reference_pipeline.features.offline import OfflineLog
from reference_pipeline.features.windows import ARRIVAL_WINDOW_S, Columns, FeatureEngine, Updates
from reference_pipeline.http import JSONResponse, service_routes
from reference_pipeline.ingestion.lake import batch_and_revision, lineage_of, newest_revisions, read_partition
from reference_pipeline.json_text import loads
from reference_pipeline.store.online import FeatureStore
from reference_pipeline.tail import TailLog, asked_after

#: Labels that monitoring may still ask for.
_LABELS_KEPT = 20_000
#: The feeds whose features depend on earlier partitions, and how far back that goes, in seconds.
_REMEMBERED_S = {"flights": ARRIVAL_WINDOW_S, "weather": VIEWS["weather"].max_age_s}


class FeatureService:
    """Turns partitions into features, each one once, although ingestion may send it again.

    Online store first, offline log second: what the log says was there to be read, and a crash in between repeats the
    partition. One that could not be stored is refused, so that ingestion sends it again.
    """

    def __init__(self, store: FeatureStore, log: OfflineLog, clock: Clock) -> None:
        self._store = store
        self._log = log
        self._clock = clock
        self._engine = FeatureEngine()
        self._labels = TailLog(clock.now(), kept=_LABELS_KEPT)
        self._lake: Path | None = None
        self._unwritten: dict[tuple[str, str], Updates] = {}
        self._taken_at: dict[str, float] = {}
        self._counts = {"partitions": 0, "values": 0, "store_errors": 0}
        # Two tries of one partition, or two partitions, must not overtake each other on the way to the store.
        self._writing = asyncio.Lock()

    def restore(self, lake: Path) -> None:
        """Rebuilds the windows and the latest labels from the partitions that were taken before a restart."""
        self._lake = lake
        for feed, span_s in _REMEMBERED_S.items():
            partitions = self._log.partitions(feed)
            if partitions:
                self._taken_at[feed] = self._log.written_at(feed, partitions[-1])
            for columns, through in reversed(_newest(lake / feed, partitions, span_s)):
                self._absorb(feed, columns, min(through, self._clock.now()))

    async def take(self, feed: str, partition: str, columns: Columns, through: float) -> None:
        """Updates the features of a partition of the lake, by its name there, of data until ``through``.

        Raises `RedisError` when the online store can't be written, `OSError` when the offline log can't.
        """
        async with self._writing:
            if self._log.has(feed, partition):
                return
            now = self._clock.now()
            through = min(through, now)  # no batch covers the future, whatever it says: windows would end there
            updates = self._unwritten.get((feed, partition))
            if updates is None:
                updates = self._absorb(feed, columns, through)
                if batch_and_revision(partition)[1] > 1 and feed in _REMEMBERED_S:
                    updates, through = self._rebuild(feed, partition, columns, through)
                self._unwritten[feed, partition] = updates
            await self._write(updates, through)
            # Readers may have had the values from now on, not before.
            self._log.append(feed, partition, updates, self._clock.now(), through)
            del self._unwritten[feed, partition]
            self._taken_at[feed] = now
            self._counts["partitions"] += 1
            self._counts["values"] += len(updates)

    def _rebuild(self, feed: str, partition: str, columns: Columns, through: float) -> tuple[Updates, float]:
        """The features of a feed with a revised batch in its place: what it replaces has never been there.

        Returns the newest values of every entity of the windows, and until when they go.
        """
        known = self._log.partitions(feed)
        files = _newest(self._lake / feed, [*known, partition], _REMEMBERED_S[feed]) if self._lake else []
        if not files or through <= files[0][1] - _REMEMBERED_S[feed]:
            return {}, through  # long past: only the offline store and training will see it
        self._engine.forget(feed)
        updates: Updates = {}
        for part, until in reversed(files):
            updates |= self._engine.update(feed, part, min(until, self._clock.now()))
        return updates, min(files[0][1], self._clock.now())

    def _absorb(self, feed: str, columns: Columns, through: float) -> Updates:
        if feed == "flights":
            for flight_id, late in labels_of(columns):
                self._labels.append(flight_id, late)
        return self._engine.update(feed, columns, through)

    async def _write(self, updates: Updates, through: float) -> None:
        entries = [
            (f"f:{kind}:{entity}", values, through, VIEWS[kind].ttl_s) for (kind, entity), values in updates.items()
        ]
        try:
            if entries:
                await self._store.write(entries)
        except RedisError:
            self._counts["store_errors"] += 1
            raise

    def labels_after(self, number: int) -> list[list[Any]]:
        """Labels that became known after the one of that number: [number, flight, late]."""
        return self._labels.after(number)

    def status(self) -> dict[str, Any]:
        """When a partition of each feed was last turned into features (epoch seconds), and counters."""
        return {"taken_at": dict(self._taken_at), "replica_errors": self._store.write_errors, **self._counts}


class BadRequest(Exception):
    """A request that can't be carried out; the message says why."""


def _columns_of(file: Path) -> tuple[Columns, float]:
    """A partition's columns by name, and the end of what it covers (epoch seconds), from its lineage."""
    table = read_partition(file)
    return table.to_pydict(), float(lineage_of(table.schema)["window_end"])


def _newest(folder: Path, partitions: Sequence[str], span_s: float) -> list[tuple[Columns, float]]:
    """Those of the partitions whose data is at most so much older than the newest, newest first."""
    files = {file.stem: file for file in folder.rglob("*.parquet")}
    read: list[tuple[Columns, float]] = []
    for partition in reversed(newest_revisions(partitions)):
        if partition not in files:
            continue
        columns, through = _columns_of(files[partition])
        if read and through <= read[0][1] - span_s:
            break
        read.append((columns, through))
    return read


def create_features(service: FeatureService, lake: Path) -> Starlette:
    """The service's HTTP face, once it has recovered from disk.

    ``POST /partitions`` names a Parquet file of the lake; ``GET /labels?after=<number>`` tells how flights ended.
    """
    service.restore(lake)

    async def partition(request: Request) -> Response:
        try:
            feed, file = _named(await request.body(), lake)
            await service.take(feed, file.stem, *_columns_of(file))
        except BadRequest as error:
            return JSONResponse({"detail": str(error)}, status_code=400)
        except pa.ArrowException as error:
            return JSONResponse({"detail": f"the partition can't be read: {error}"}, status_code=422)
        except (RedisError, OSError) as error:
            return JSONResponse({"detail": f"{type(error).__name__}: {error}"}, status_code=503)
        return JSONResponse({"ok": True})

    async def labels(request: Request) -> Response:
        return JSONResponse(service.labels_after(asked_after(request)))

    routes = [Route("/partitions", partition, methods=["POST"]), Route("/labels", labels)]
    return Starlette(routes=[*routes, *service_routes("features", service.status)])


def _named(body: bytes, lake: Path) -> tuple[str, Path]:
    """Feed and file of a partition; raises `BadRequest`."""
    try:
        content = loads(body)
        feed, path = str(content["feed"]), str(content["path"])
    except (ValueError, TypeError, KeyError) as error:
        raise BadRequest('expected {"feed": ..., "path": ...}') from error
    file = lake / path
    if Path(path).parts[:1] != (feed,) or ".." in Path(path).parts:
        raise BadRequest(f"{path!r} is no file of the feed {feed!r}")
    return feed, file
