"""A source over HTTP for the gateway's tests: three feeds, one in each format."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pyarrow as pa
import pyarrow.parquet as pq
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.server import ServerState

from chaos.gateway.app import create_control, create_gateway
from chaos.gateway.upstream import SessionFetcher

WEATHER = {"origin": "string", "observed_at": "timestamp", "temp": "float64", "wind_dir": "float64"}
FLIGHTS = {"flight_id": "string", "flight": "int64", "event_time": "timestamp", "arr_delay": "float64"}
PLANES = {"tailnum": "string", "year": "int64", "seats": "int64"}
FORMATS = {"weather": "csv", "flights": "json", "planes": "parquet"}
COLUMNS = {"weather": WEATHER, "flights": FLIGHTS, "planes": PLANES}
PERIOD_S = 100.0


def payload_of(feed: str, sequence: int) -> bytes:
    """Ten rows that tell which batch they are of."""
    stamp = [f"2013-01-{sequence % 28 + 1:02}T0{i}:00:00Z" for i in range(10)]
    if feed == "weather":
        lines = [f"JFK,{stamp[i]},{30.0 + i},{'' if i == 4 else 10.0 * i}" for i in range(10)]
        return "\n".join([",".join(WEATHER), *lines, ""]).encode()
    if feed == "flights":
        rows = [
            {
                "flight_id": f"UA-{sequence}-{i}",
                "flight": 100 + i,
                "event_time": stamp[i],
                "arr_delay": None if i == 4 else i - 0.5,
            }
            for i in range(10)
        ]
        return json.dumps(rows, separators=(",", ":")).encode()
    table = pa.table(
        {
            "tailnum": [f"N{sequence}{i}" for i in range(10)],
            "year": pa.array([None if i == 4 else 1990 + i for i in range(10)], pa.int64()),
            "seats": pa.array([50 * i for i in range(10)], pa.int64()),
        }
    )
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def manifest_of(feed: str, sequence: int) -> dict[str, Any]:
    """As the source writes it: a batch each 100 s."""
    return {
        "batch_id": f"{feed}-{sequence:03}",
        "feed": feed,
        "sequence": sequence,
        "window_start": sequence * PERIOD_S,
        "window_end": (sequence + 1) * PERIOD_S,
        "produced_at": (sequence + 1) * PERIOD_S,
        "rows": 10,
        "columns": COLUMNS[feed],
        "format": FORMATS[feed],
        "sha256": hashlib.sha256(payload_of(feed, sequence)).hexdigest(),
        "contract_version": "1.0",
        "note": "kept",
    }


class Source:
    """Publishes batch n at (n + 1) * 100 s of ``now``; counts what is asked of it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.page = 200
        self.asked: list[str] = []
        self.mode = "ok"
        self.lost: int | None = None
        self.broken_payload: bytes | None = None
        self.custom: tuple[dict[str, Any], bytes] | None = None

    def app(self) -> Starlette:
        async def batches(request: Request) -> Response:
            self.asked.append(str(request.url.path) + "?" + str(request.url.query))
            if self.mode == "broken":
                return Response("out of order", 500)
            if self.mode == "garbage":
                return Response("<html>", media_type="application/json")
            if self.mode == "hang":
                await asyncio.sleep(3600)
            after = int(request.query_params.get("after", -1))
            last = int(self.now // PERIOD_S) - 1
            feed = request.path_params["feed"]
            listed = [manifest_of(feed, n) for n in range(after + 1, last + 1)]
            if self.custom is not None:
                listed = [self.custom[0]] if after < 0 <= last else []
            listed = listed[: int(request.query_params.get("limit", self.page))]
            return JSONResponse(listed, headers={"x-source": "yes"})

        async def batch(request: Request) -> Response:
            self.asked.append(str(request.url.path))
            feed, _, number = request.path_params["batch_id"].partition("-")
            if self.lost is not None:
                return Response("not here", self.lost)
            if self.custom is not None:
                return Response(self.custom[1])
            if self.broken_payload is not None:
                return Response(self.broken_payload)
            if feed != request.path_params["feed"]:
                return Response("no such batch", 404)
            media = {"weather": "text/csv", "flights": "application/json", "planes": "application/parquet"}[feed]
            return Response(payload_of(feed, int(number)), media_type=media)

        return Starlette(routes=[Route("/{feed}/batches", batches), Route("/{feed}/batches/{batch_id}", batch)])


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Serve on an ephemeral loopback port; gives the base URL."""
    config = uvicorn.Config(app, log_level="error", lifespan="off", ws="none", http="httptools")
    config.load()
    state = ServerState()

    def protocol() -> asyncio.Protocol:
        return config.http_protocol_class(config=config, server_state=state, app_state={})

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.close()


class Hop:
    """A gateway between a client and a source, all over real HTTP."""

    def __init__(self, session: aiohttp.ClientSession, data: str, control: str, source: Source) -> None:
        self.session = session
        self.data = data
        self.control = control
        self.source = source
        self.touches: list[tuple[str, str, int]] = []

    async def get(self, path: str) -> tuple[int, bytes]:
        async with self.session.get(self.data + path) as answer:
            return answer.status, await answer.read()

    async def json(self, path: str) -> Any:
        status, body = await self.get(path)
        assert status == 200, body
        return json.loads(body)

    async def install(self, rule_id: str, feed: str, fault: str, **params: Any) -> tuple[int, Any]:
        body = {"feed": feed, "fault": fault, "params": params, "seed": 7}
        return await self.put(rule_id, json.dumps(body))

    async def put(self, rule_id: str, body: str) -> tuple[int, Any]:
        async with self.session.put(f"{self.control}/rules/{rule_id}", data=body) as answer:
            return answer.status, await answer.json()

    async def uninstall(self, rule_id: str) -> int:
        async with self.session.delete(f"{self.control}/rules/{rule_id}") as answer:
            return answer.status

    async def evidence(self, rule_id: str) -> Any:
        async with self.session.get(f"{self.control}/rules/{rule_id}/evidence") as answer:
            return await answer.json()


@asynccontextmanager
async def hop(
    timeout_s: float = 5.0, upstream: Callable[[str], str] = lambda base: base, body_max: int = 1 << 30
) -> AsyncIterator[Hop]:
    """A source, a gateway before it, and a client."""
    source = Source()
    async with serving(source.app()) as base, aiohttp.ClientSession() as session:
        touches: list[tuple[str, str, int]] = []
        gateway = create_gateway(
            dict.fromkeys(FORMATS, upstream(base)),
            SessionFetcher(session, timeout_s=timeout_s, body_max=body_max),
            lambda: source.now,
            on_touched=lambda rule_id, what, count: touches.append((rule_id, what, count)),
        )
        async with serving(gateway) as data, serving(create_control(gateway, lambda: source.now)) as control:
            there = Hop(session, data, control, source)
            there.touches = touches
            yield there
