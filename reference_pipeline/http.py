"""The pipeline's own HTTP: a client with time-outs, and the routes that every service has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import aiohttp
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from reference_pipeline.clock import SystemClock
from reference_pipeline.json_text import dumps, loads

JsonObject = dict[str, Any]

#: What a call to another service can end with, besides an answer.
UNREACHABLE = (aiohttp.ClientError, TimeoutError, OSError)


class JSONResponse(Response):
    """An answer in JSON."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The body."""
        return dumps(content)


class ServiceError(Exception):
    """Another service answered with an error, or with what isn't JSON; ``status`` is its HTTP status."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"HTTP {status}: {detail}")
        self.status = status


class Client:
    """Calls one service. Raises one of `UNREACHABLE`, or `ServiceError` for an answer that is no good."""

    def __init__(self, session: aiohttp.ClientSession, base: str, *, timeout_s: float | None) -> None:
        self._session = session
        self.base = base
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def get(self, path: str) -> Any:
        """GET, decoded from JSON."""
        return await self._json("GET", path)

    async def post(self, path: str, body: Any = None) -> Any:
        """POST of a JSON body, the answer decoded from JSON."""
        return await self._json("POST", path, dumps(body))

    async def put(self, path: str, body: Any = None) -> Any:
        """PUT of a JSON body, the answer decoded from JSON."""
        return await self._json("PUT", path, dumps(body))

    async def _json(self, method: str, path: str, data: bytes | None = None) -> Any:
        status, body = await self._call(method, path, data)
        try:
            return loads(body)
        except ValueError:
            raise ServiceError(status, f"{path} didn't answer in JSON: {_excerpt(body)!r}") from None

    async def raw(self, method: str, path: str, data: bytes | None = None) -> bytes:
        """The body of the answer; ``data`` is JSON."""
        return (await self._call(method, path, data))[1]

    async def _call(self, method: str, path: str, data: bytes | None) -> tuple[int, bytes]:
        headers = {} if data is None else {"content-type": "application/json"}
        async with self._session.request(
            method, self.base + path, data=data, headers=headers, timeout=self._timeout
        ) as answer:
            body = await answer.read()
            if answer.status >= 400:
                raise ServiceError(answer.status, _excerpt(body))
            return answer.status, body


def _excerpt(body: bytes) -> str:
    return body[:200].decode("utf-8", "replace")


class _StatusCollector:
    """Exports the numbers of a service's status as Prometheus gauges."""

    def __init__(self, component: str, status: Callable[[], Mapping[str, Any]]) -> None:
        self._component = component
        self._status = status

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, value in sorted(numbers(self._status()).items()):
            gauge = GaugeMetricFamily(f"pipeline_{name}", name.replace("_", " "), labels=["component"])
            gauge.add_metric([self._component], value)
            yield gauge


def numbers(status: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """The numeric leaves of a status, by a name that Prometheus accepts.

    >>> numbers({"feeds": {"weather": {"rows": 3, "ok": True}}, "name": "x"})
    {'feeds_weather_rows': 3.0, 'feeds_weather_ok': 1.0}
    """
    found: dict[str, float] = {}
    for key, value in status.items():
        name = f"{prefix}_{key}" if prefix else str(key)
        if isinstance(value, Mapping):
            found.update(numbers(value, name))
        elif isinstance(value, int | float):
            found[re.sub("[^A-Za-z0-9_]", "_", name)] = float(value)
    return found


def service_routes(component: str, status: Callable[[], Mapping[str, Any]]) -> list[Route]:
    """``/health``, ``/status`` (JSON, for the pipeline's monitoring) and ``/metrics`` (for Prometheus).

    A status also says when its process started: ``started_at`` of the application's state (epoch seconds), or else the
    moment of this call.
    """
    made_at = SystemClock().now()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_StatusCollector(component, status))

    async def health(_: Request) -> Response:
        return JSONResponse({"ok": True})

    async def show_status(request: Request) -> Response:
        return JSONResponse({"started_at": getattr(request.app.state, "started_at", made_at), **status()})

    async def metrics(_: Request) -> Response:
        return PlainTextResponse(generate_latest(registry), media_type="text/plain; version=0.0.4")

    return [Route("/health", health), Route("/status", show_status), Route("/metrics", metrics)]
