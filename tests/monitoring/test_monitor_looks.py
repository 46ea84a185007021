"""The monitor on simulated hosts: what it looks at and how often, and alerts that reach their receiver."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from harness.sim import World
from harness.sim.http import serve
from reference_pipeline.http import Client, service_routes
from reference_pipeline.monitoring.app import Logs, Monitor, MonitorConfig
from reference_pipeline.monitoring.charts import Charts

EPOCH = 1_370_000_000.0
SERVICES = ("serving", "ingestion", "features", "training")
CHECKS = ("serving_health", "health", "errors", "drift")


class Landscape:
    """Services with nothing but a status, a receiver of alerts, and a monitor of them all."""

    def __init__(self, watched: tuple[str, ...] = SERVICES, **config: Any) -> None:
        self.watched = watched
        self.world = World(epoch=EPOCH, seed=1)
        self.asked: list[tuple[float, str, str]] = []
        self.received: list[tuple[float, str, str, bool]] = []
        self.status: dict[str, Any] = {}
        self.config = MonitorConfig(CHECKS, watch_s=120, scrape_s=300, review_s=900, **config)
        for name in SERVICES:
            self.world.add_host(name, self._service(name))
        self.world.add_host("alerts", self._receiver)
        self.world.add_host("monitoring")

    def _service(self, name: str) -> Callable[[], Awaitable[None]]:
        async def log(request: Request) -> Response:
            self.asked.append((self.world.loop.time(), name, request.url.path))
            return JSONResponse([])

        def status() -> dict[str, Any]:
            self.asked.append((self.world.loop.time(), name, "/status"))
            return dict(self.status.get(name, {}))

        async def boot() -> None:
            routes = [Route("/log", log), Route("/labels", log), *service_routes(name, status)]
            await serve(Starlette(routes=routes), keep_alive_s=3600)

        return boot  # type: ignore[return-value]

    async def _receiver(self) -> None:
        async def alerts(request: Request) -> Response:
            for alert in await request.json():
                labels = alert["labels"]
                self.received.append(
                    (round(self.world.loop.time()), labels["alertname"], labels["component"], "endsAt" in alert)
                )
            return JSONResponse({})

        await serve(Starlette(routes=[Route("/api/v2/alerts", alerts, methods=["POST"])]), 9093)

    def run(self, script: Callable[[], Awaitable[None]], until: float) -> None:
        async def watch() -> None:
            session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=3600))
            clients = {name: Client(session, f"http://{name}:8000", timeout_s=2) for name in SERVICES}
            monitor = Monitor(
                self.config,
                services={name: clients[name] for name in self.watched},
                logs=Logs(clients["serving"], clients["features"]),
                receivers=[Client(session, "http://alerts:9093", timeout_s=2)],
                charts=Charts({}),
                expected_gap_s={},
                clock=self.world.clock("monitoring"),
            )
            await monitor.run()

        async def main() -> None:
            for name in (*SERVICES, "alerts", "monitoring"):
                await self.world.start(name)
            self.world.spawn("monitoring", watch())
            await script()
            await asyncio.sleep(until - self.world.loop.time())

        self.world.run(main())
        assert [error for error in self.world.loop.errors if error.exception is not None] == []


async def nothing() -> None:
    return


def test_each_service_is_looked_at_as_often_as_its_depth_says() -> None:
    landscape = Landscape()
    landscape.run(nothing, 3600 + 60)
    times = {
        name: [round(at) for at, who, path in landscape.asked if (who, path) == (name, "/status")] for name in SERVICES
    }
    assert times["serving"] == list(range(0, 3601, 120))
    # A scrape is the first watch after its beat.
    assert times["ingestion"] == times["features"]
    assert times["ingestion"] == [0, 360, 600, 960, 1200, 1560, 1800, 2160, 2400, 2760, 3000, 3360, 3600]
    assert times["training"] == [0, 960, 1800, 2760, 3600]
    assert [round(at) for at, _, path in landscape.asked if path == "/log"] == times["training"]


@pytest.mark.parametrize("unwatched", ["serving", "features"])
def test_a_service_whose_health_nobody_looks_at_is_still_asked_for_its_log(unwatched: str) -> None:
    landscape = Landscape(watched=tuple(name for name in SERVICES if name != unwatched))
    landscape.run(nothing, 1000)
    assert not [path for _, who, path in landscape.asked if (who, path) == (unwatched, "/status")]
    asked = [(round(at), who) for at, who, path in landscape.asked if path in ("/log", "/labels")]
    assert asked == [(0, "serving"), (0, "features"), (960, "serving"), (960, "features")]


def test_the_phase_delays_the_first_look_and_moves_all_others() -> None:
    landscape = Landscape(phase_s=50)
    landscape.run(nothing, 1000)
    times = [round(at) for at, who, path in landscape.asked if (who, path) == ("serving", "/status")]
    assert times == list(range(50, 1000, 120))


def test_a_dead_service_is_told_once_and_its_return_too() -> None:
    landscape = Landscape(resolve_after_s=240)

    async def script() -> None:
        await asyncio.sleep(130)
        landscape.world.kill("serving")
        await asyncio.sleep(600)
        await landscape.world.start("serving")

    landscape.run(script, 3000)
    assert landscape.received == [
        (240, "ServiceDown", "serving", False),
        (840, "ServiceRestarted", "serving", False),
        (960, "ServiceDown", "serving", True),
        (1200, "ServiceRestarted", "serving", True),
    ]


def test_alerts_wait_for_a_receiver_that_is_down_and_none_is_lost() -> None:
    landscape = Landscape(resolve_after_s=240)

    async def script() -> None:
        landscape.world.kill("alerts")
        landscape.world.kill("features")
        await asyncio.sleep(1000)
        await landscape.world.start("features")
        await asyncio.sleep(2050)
        assert landscape.received == []
        await landscape.world.start("alerts")

    landscape.run(script, 4000)
    assert {at for at, *_ in landscape.received} == {3120}
    told = [(name, component, resolved) for _, name, component, resolved in landscape.received]
    assert told.count(("ServiceDown", "features", False)) == 1
    assert told.count(("ServiceDown", "features", True)) == 1
    assert told.index(("ServiceDown", "features", False)) < told.index(("ServiceDown", "features", True))


def test_a_service_that_hangs_is_down_and_the_others_are_still_watched() -> None:
    landscape = Landscape()

    async def script() -> None:
        await asyncio.sleep(130)
        landscape.world.pause("training")
        landscape.status["serving"] = {"recent": 10, "recent_failed": 9}

    landscape.run(script, 1500)
    assert landscape.received[0] == (240, "PredictionErrors", "serving", False)
    assert ("ServiceDown", "training") in [(name, component) for _, name, component, _ in landscape.received]
    assert len([1 for _, who, path in landscape.asked if (who, path) == ("serving", "/status")]) == 13
