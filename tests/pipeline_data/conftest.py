"""Real data, real HTTP on loopback, and a clock that tests move."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.server import ServerState

from reference_pipeline.clock import SystemClock
from reference_pipeline.data import Prepared, prepare
from reference_pipeline.ingestion import Baseline, Manifest, load_baseline
from reference_pipeline.sources import FEEDS, Source

START = datetime(2013, 6, 10, tzinfo=UTC).timestamp()

Serve = Callable[[Any], Awaitable[str]]
Change = Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes]]


class HandClock(SystemClock):
    """Shows what it is set to."""

    def __init__(self, at: float = START) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


class Provider:
    """A source whose batches a test can change or withhold."""

    def __init__(self, feed: str, prepared: Prepared, clock: HandClock, history_s: float = 3600.0) -> None:
        self.source = Source(FEEDS[feed], prepared, clock, history_s=history_s)
        self.change: Change | None = None
        self.withheld: set[int] = set()
        self.status = 200
        self.requests = 0
        self.app = Starlette(routes=[Route("/batches", self._list), Route("/batches/{batch_id}", self._payload)])

    def batches(self, after: int | None = None) -> list[tuple[dict[str, Any], bytes]]:
        """Manifest and payload of what can be had, as changed."""
        found = []
        for raw in json.loads(self.source.manifests(after, 200)):
            payload = self.source.payload(raw["batch_id"])
            assert payload is not None
            if raw["sequence"] not in self.withheld:
                found.append((raw, payload) if self.change is None else self.change(raw, payload))
        return found

    async def _list(self, request: Request) -> Response:
        self.requests += 1
        after = request.query_params.get("after")
        listed = [manifest for manifest, _ in self.batches(None if after is None else int(after))]
        return Response(json.dumps(listed), self.status)

    async def _payload(self, request: Request) -> Response:
        self.requests += 1
        wanted = request.path_params["batch_id"]
        for manifest, payload in self.batches():
            if manifest["batch_id"] == wanted:
                return Response(payload, self.status)
        return Response(b"", 404)


def edit_records(edit: Callable[[dict[str, Any]], dict[str, Any]], **manifest_fields: Any) -> Change:
    """Changes each JSON record as if the provider had made it so: rows and checksum in the manifest agree."""

    def change(raw: dict[str, Any], payload: bytes) -> tuple[dict[str, Any], bytes]:
        payload = json.dumps([edit(record) for record in json.loads(payload)]).encode()
        return raw | {"sha256": sha256(payload).hexdigest()} | manifest_fields, payload

    return change


def edit_csv(edit: Callable[[int, dict[str, str]], dict[str, str]]) -> Change:
    """The same for CSV; ``edit`` gets the row's number too."""

    def change(raw: dict[str, Any], payload: bytes) -> tuple[dict[str, Any], bytes]:
        header, *lines = payload.decode().splitlines()
        names = header.split(",")
        rows = [edit(i, dict(zip(names, line.split(","), strict=True))) for i, line in enumerate(lines)]
        payload = "\n".join([header, *(",".join(row[name] for name in names) for row in rows), ""]).encode()
        return raw | {"sha256": sha256(payload).hexdigest()}, payload

    return change


def published(source: Source, first: float, last: float, change: Change | None = None) -> list[tuple[Manifest, bytes]]:
    """The batches whose windows start in ``[first, last)``."""
    schedule, period = source.schedule, source.feed.period_s
    begin = schedule.newest(first + source.feed.lag_s + source.feed.jitter_s) + 1
    out = []
    for sequence in range(begin, begin + int((last - first) // period)):
        found = source._publish(sequence)
        raw, payload = json.loads(found.manifest), found.payload
        if change is not None:
            raw, payload = change(raw, payload)
        out.append((Manifest.from_json(raw), payload))
    return out


@pytest.fixture(scope="session")
def prepared() -> Prepared:
    return prepare()


@pytest.fixture(scope="session")
def baseline(prepared: Prepared) -> Baseline:
    return load_baseline(prepared, START)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@asynccontextmanager
async def _served(app: Any) -> AsyncIterator[str]:
    config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    state, protocol, loop = ServerState(), config.http_protocol_class, asyncio.get_running_loop()

    def factory() -> Any:
        return protocol(config=config, server_state=state, app_state={})  # type: ignore[call-arg]

    server = await loop.create_server(factory, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()


@pytest_asyncio.fixture
async def serve() -> AsyncIterator[Serve]:
    """Serves ASGI apps on loopback until the test ends; gives their URLs."""
    async with AsyncExitStack() as stack:
        yield lambda app: stack.enter_async_context(_served(app))


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client
