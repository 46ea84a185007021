"""The harness's outpost within the containers' network: it takes alerts and requests, and hands them on when asked.

The harness has no address that containers on an internal network could reach. It asks instead, with requests that wait
until there is something to tell: a matter of milliseconds, whatever engine, firewall or virtual machine lies between.

``POST /alerts`` takes Alertmanager's webhooks, ``POST /services/<name>/restart`` what a runbook asks of the platform;
``GET /events?after=N&wait_s=S`` gives both, in order. ``GET /ready?of=a,b`` says which of them answer, ``GET
/status/<name>`` what one says of itself. ``PUT /answers/<id>`` opens a port where every request gets one status, and
``GET /answers/<id>`` counts them; ``/overlays/<service>/<id>`` puts files before a service's libraries.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections import deque
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from harness.targets.reference.compose.overlays import Overlays
from harness.targets.reference.compose.wiring import HTTP_PORT, OUTPOST_PORT, OVERLAYS, SERVERS

__all__ = ["Outpost", "create_outpost"]

_KEPT = 10_000
_WAIT_MAX_S = 60.0
#: Without a question for so long, nobody is there who could restart a service.
_DESERTED_S = 15.0
_READY_TIMEOUT_S = 2.0


class _Answering:
    """An application that answers every request with one status, and counts them."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.requests += 1
            await JSONResponse({"error": "out of service"}, self.status)(scope, receive, send)


class Outpost:
    """What has happened, by number, and who waits for it."""

    def __init__(self, overlays: Path) -> None:
        self._events: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._number = 0
        self._news = asyncio.Event()
        self._asked_at = -_DESERTED_S
        self._overlays = Overlays(overlays)
        self._answering: dict[str, tuple[_Answering, int, uvicorn.Server, asyncio.Task[None]]] = {}

    def tell(self, kind: str, **fields: Any) -> None:
        """Adds an event and wakes whoever waits."""
        self._number += 1
        self._events.append({"number": self._number, "kind": kind, **fields})
        self._news.set()
        self._news = asyncio.Event()

    async def alerts(self, request: Request) -> Response:
        """Alertmanager's webhook."""
        try:
            told = (await request.json())["alerts"]
            for alert in told:
                self.tell("alert", alert=dict(alert))
        except (ValueError, KeyError, TypeError) as error:
            return _error(400, f"expected a webhook of Alertmanager: {error}")
        return JSONResponse({})

    async def restart(self, request: Request) -> Response:
        """A runbook wants a service to be restarted."""
        if time.monotonic() - self._asked_at > _DESERTED_S:
            return _error(503, "nobody is here who could restart a service")
        self.tell("restart", service=request.path_params["service"])
        return JSONResponse({}, 202)

    async def events(self, request: Request) -> Response:
        """What came after a number; waits for something if there is nothing yet."""
        try:
            after = int(request.query_params.get("after", "0"))
            wait_s = min(float(request.query_params.get("wait_s", "0")), _WAIT_MAX_S)
        except ValueError:
            return _error(400, "after and wait_s must be numbers")
        self._asked_at = time.monotonic()
        if self._number <= after and wait_s > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), wait_s)
        self._asked_at = time.monotonic()
        return JSONResponse([event for event in self._events if event["number"] > after])

    async def ready(self, request: Request) -> Response:
        """Which services answer, by name. Only those that were started: looking for others blocks the resolver."""
        names = [name for name in request.query_params.get("of", "").split(",") if name in (*SERVERS, "gateway")]
        timeout = aiohttp.ClientTimeout(total=_READY_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            up = await asyncio.gather(*(_answers(session, name) for name in names))
        return JSONResponse(dict(zip(names, up, strict=True)))

    async def status(self, request: Request) -> Response:
        """What a service says of itself, asked without Toxiproxy in between."""
        url = f"http://{request.path_params['service']}:{HTTP_PORT}/status"
        timeout = aiohttp.ClientTimeout(total=_READY_TIMEOUT_S)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
                return Response(await answer.read(), answer.status, media_type="application/json")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _error(502, str(error) or type(error).__name__)

    async def answer(self, request: Request) -> Response:
        """Opens a port where every request gets the status of the body."""
        name = request.path_params["name"]
        if name not in self._answering:
            try:
                status = int((await request.json())["status"])
            except (ValueError, KeyError, TypeError):
                return _error(400, 'expected {"status": a number}')
            listener = socket.create_server(("0.0.0.0", 0))
            app = _Answering(status)
            server = _Server(_settings(app))
            task = asyncio.ensure_future(server.serve(sockets=[listener]))
            self._answering[name] = (app, listener.getsockname()[1], server, task)
        return self._shown(name)

    async def answered(self, request: Request) -> Response:
        """How many requests were answered there."""
        name = request.path_params["name"]
        return self._shown(name) if name in self._answering else _error(404, f"nothing answers as {name!r}")

    async def overlay(self, request: Request) -> Response:
        """Puts, shows or removes an overlay of a service's libraries."""
        service, overlay_id = request.path_params["service"], request.path_params["overlay_id"]
        if request.method == "DELETE":
            removed = self._overlays.remove(service, overlay_id)
            return JSONResponse({}) if removed else _error(404, f"{service} has no overlay {overlay_id!r}")
        if request.method == "PUT":
            try:
                self._overlays.put(service, overlay_id, dict((await request.json())["files"]))
            except (ValueError, KeyError, TypeError, OSError) as error:
                return _error(400, f"the overlay can't be put: {error}")
        return JSONResponse({"loads": self._overlays.loads(service, overlay_id)})

    def _shown(self, name: str) -> Response:
        app, port, _, _ = self._answering[name]
        return JSONResponse({"status": app.status, "port": port, "requests": app.requests})


async def _answers(session: aiohttp.ClientSession, name: str) -> bool:
    try:
        async with session.get(f"http://{name}:{HTTP_PORT}/health") as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


def _error(status: int, reason: str) -> Response:
    return JSONResponse({"error": reason}, status)


def create_outpost(outpost: Outpost) -> Starlette:
    """The outpost's HTTP surface."""

    async def health(_: Request) -> Response:
        return JSONResponse({"ok": True})

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/alerts", outpost.alerts, methods=["POST"]),
            Route("/services/{service}/restart", outpost.restart, methods=["POST"]),
            Route("/events", outpost.events),
            Route("/ready", outpost.ready),
            Route("/status/{service}", outpost.status),
            Route("/answers/{name}", outpost.answer, methods=["PUT"]),
            Route("/answers/{name}", outpost.answered),
            Route("/overlays/{service}/{overlay_id}", outpost.overlay, methods=["GET", "PUT", "DELETE"]),
        ]
    )


class _Server(uvicorn.Server):
    """Several of them share one process: none of them owns its signals."""

    def capture_signals(self) -> Any:
        """None."""
        return nullcontext()


def _settings(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_level="warning", access_log=False)


async def _main() -> None:
    app = create_outpost(Outpost(Path(OVERLAYS)))
    with socket.create_server(("0.0.0.0", OUTPOST_PORT)) as listener:
        await _Server(_settings(app)).serve(sockets=[listener])


if __name__ == "__main__":
    print(json.dumps({"outpost": OUTPOST_PORT}), flush=True)
    asyncio.run(_main())
