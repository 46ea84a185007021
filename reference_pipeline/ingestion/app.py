"""The ingestion service: the poll loops and their HTTP surface."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from reference_pipeline.clock import Clock
from reference_pipeline.http import JSONResponse
from reference_pipeline.ingestion.baseline import Baseline
from reference_pipeline.ingestion.client import FeedClient, FetchError, HttpSettings
from reference_pipeline.ingestion.contract import CONTRACTS
from reference_pipeline.ingestion.ingestor import FeedIngestor, OnPartition
from reference_pipeline.ingestion.status import prometheus
from reference_pipeline.ingestion.violation import JUDGES_VALUES, Level
from reference_pipeline.rhythm import Rhythm


class Ingestion:
    """All feeds. ``app`` is the HTTP surface, `run` the work."""

    def __init__(
        self, feeds: Mapping[str, FeedIngestor], level: Level, poll_s: Mapping[str, float], clock: Clock
    ) -> None:
        self.feeds = feeds
        self.level = level
        self._poll_s = poll_s
        self._clock = clock
        self.app = _app(self)

    async def run(self) -> None:
        """Polls each feed in its own rhythm, from now on; ends only by being cancelled."""
        await asyncio.gather(*(self._loop(name) for name in self.feeds))

    async def poll(self) -> None:
        """One round over all feeds, one after the other."""
        for feed in self.feeds.values():
            await feed.poll()

    async def _loop(self, name: str) -> None:
        rhythm = Rhythm(self._poll_s[name], self._clock)
        while True:
            await self.feeds[name].poll()
            await rhythm.wait()


def create_ingestion(
    *,
    session: aiohttp.ClientSession,
    feed_urls: Mapping[str, str],
    lake: Path,
    clock: Clock,
    level: Level,
    poll_s: Mapping[str, float] | float,
    on_partition: OnPartition,
    baseline: Baseline | None = None,
    http: HttpSettings = HttpSettings(),
    standby_urls: Mapping[str, str] = MappingProxyType({}),
) -> Ingestion:
    """The service for the feeds of ``feed_urls`` (name to the URL that ``/batches`` is appended to).

    ``standby_urls`` are second providers of these feeds, for a failover.

    ``poll_s`` is the time between two polls; one that takes longer skips those that it overlaps. Levels
    ``statistical`` and ``learned`` compare batches with ``baseline`` and raise ``ValueError`` without one; an unknown
    feed is a ``KeyError``.
    """
    if level in JUDGES_VALUES and baseline is None:
        raise ValueError(f"level {level!r} needs a baseline: pass load_baseline(prepared, start)")
    registers: dict[str, frozenset[str]] = {}
    feeds = {
        name: FeedIngestor(
            CONTRACTS[name],
            FeedClient(session, url, http),
            lake,
            clock,
            level,
            on_partition,
            baseline=None if baseline is None else baseline.feeds[name],
            registers=registers,
            standby=FeedClient(session, standby_urls[name], http) if name in standby_urls else None,
            http=http,
        )
        for name, url in feed_urls.items()
    }
    rhythm = dict.fromkeys(feeds, float(poll_s)) if isinstance(poll_s, (int, float)) else dict(poll_s)
    return Ingestion(feeds, level, rhythm, clock)


def _app(ingestion: Ingestion) -> Starlette:
    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def status(request: Request) -> Response:
        feeds = {name: feed.status.to_json() for name, feed in ingestion.feeds.items()}
        return JSONResponse({"level": ingestion.level, "feeds": feeds})

    async def metrics(request: Request) -> Response:
        text = prometheus({name: feed.status for name, feed in ingestion.feeds.items()})
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    async def release(request: Request) -> Response:
        batch_id = request.path_params["batch_id"]
        for feed in ingestion.feeds.values():
            violations = await feed.release(batch_id)
            if violations is not None:
                found = [violation.to_json() for violation in violations]
                released = all(violation.severity != "error" for violation in violations)
                return JSONResponse({"released": released, "violations": found}, 200 if released else 409)
        return JSONResponse({"detail": f"no batch {batch_id!r} waits in quarantine"}, 404)

    async def backfill(request: Request) -> Response:
        name, after = request.query_params.get("feed", ""), request.query_params.get("after")
        if name not in ingestion.feeds:
            return JSONResponse({"detail": f"unknown feed {name!r}; known are {', '.join(ingestion.feeds)}"}, 404)
        try:
            accepted = await ingestion.feeds[name].backfill(None if after is None else int(after))
        except ValueError:
            return JSONResponse({"detail": f"after is a sequence (a whole number), but got {after!r}"}, 400)
        except FetchError as error:
            return JSONResponse({"detail": str(error)}, 502)
        return JSONResponse({"feed": name, "accepted": accepted})

    async def failover(request: Request) -> Response:
        name = request.query_params.get("feed", "")
        if name not in ingestion.feeds:
            return JSONResponse({"detail": f"unknown feed {name!r}; known are {', '.join(ingestion.feeds)}"}, 404)
        mended = await ingestion.feeds[name].fail_over()
        if mended is None:
            return JSONResponse({"detail": f"{name} has no second provider"}, 409)
        return JSONResponse({"feed": name, "mended": mended})

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/status", status),
            Route("/metrics", metrics),
            Route("/quarantine/{batch_id}/release", release, methods=["POST"]),
            Route("/backfill", backfill, methods=["POST"]),
            Route("/failover", failover, methods=["POST"]),
        ]
    )
