"""The reference pipeline on the simulator: a host a service, and the harness's own hosts around it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import lightgbm
from redis.asyncio import Redis

from chaos.gateway.app import create_control, create_gateway
from chaos.gateway.upstream import SessionFetcher
from chaos.rng import uniform
from harness.sim import World
from harness.sim.http import serve
from harness.sim.store import StoreServer
from harness.targets.base import Arm, Recorder
from harness.targets.reference.artifacts import Artifacts
from harness.targets.reference.crowd import CROWD, Crowd
from harness.targets.reference.driver import SimDriver, SimStore
from harness.targets.reference.kept_fits import KeptFits
from harness.targets.reference.layout import CONSUMER, MIRROR, REPLICA, SERVICES, STORE
from harness.targets.reference.libraries import Libraries
from harness.targets.reference.receiver import PORT as ALERTS_PORT
from harness.targets.reference.receiver import create_receiver
from harness.targets.reference.store_agent import StoreAgent
from harness.targets.reference.touches import Touches
from harness.targets.reference.variants import profile_of
from harness.targets.reference.workload import Users, plan_asks
from reference_pipeline import assembly
from reference_pipeline.data import Prepared
from reference_pipeline.data.prepared import TimeTable
from reference_pipeline.sources import FEEDS

_log = logging.getLogger("reference_pipeline.supervisor")

_CONTROL_PORT = 8001
_STORE_PORT = 6379
#: A supervisor starts a dead process again after this long, in seconds.
_RESTART_S = 15.0
#: The harness's own host: not of the pipeline, and on no faulty link.
_OPERATOR = "operator"


class SimulatedStage:
    """One deployment in one world, about to run; `harness.targets.base.Stage`.

    Its volumes lie under ``folder``; ``shared`` is for what several arms of a run would compute alike.
    """

    def __init__(
        self,
        arm: Arm,
        world: World,
        recorder: Recorder,
        prepared: Prepared,
        examples: TimeTable,
        folder: Path,
        shared: Path,
    ) -> None:
        self._arm = arm
        self._world = world
        self._touches = Touches()
        profile = assembly.paced(profile_of(arm.profile), arm.density.grain_s)
        self._libraries = Libraries(
            folder / "overlays",
            lambda overlay_id: self._touches.note(overlay_id, "loads"),
            {"lightgbm": KeptFits(lightgbm, shared)},
        )
        self._supervisor = _Supervisor(world, self._libraries)
        addresses = {name: f"http://{name}:8000" for name in (*SERVICES, MIRROR, CONSUMER, "gateway")}
        self._deployment = assembly.Deployment(
            profile=profile,
            prepared=prepared,
            examples=examples,
            start=arm.start.timestamp(),
            folder=folder,
            addresses={**addresses, "alerts": f"http://alerts:{ALERTS_PORT}"},
            store_address=(STORE, _STORE_PORT),
            seed=arm.seed,
            grain_s=arm.density.grain_s,
            phase=lambda purpose, period_s: round(period_s * uniform(arm.seed, "phase", purpose), 3),
            platform=self._supervisor if profile.supervised else None,
            images=self._supervisor if profile.supervised else None,
            second_store_address=(REPLICA, _STORE_PORT) if profile.second_store else None,
            load_library=self._libraries.load,
            read_file=self._libraries.read,
        )
        self._store, self._replica = StoreServer(), StoreServer()
        self._entry = arm.density.through or "serving"
        self._services = (*assembly.services_of(profile), *((CONSUMER,) if self._entry == CONSUMER else ()))
        self._recorder = recorder
        asks = plan_asks(
            prepared.flights(arm.start.timestamp(), arm.start.timestamp() + arm.end_s + 4 * 3600),
            arm.start.timestamp(),
            arm.end_s,
            arm.seed,
            arm.density.users,
        )
        url = f"http://{self._entry}:8000/predict"
        self._crowd = Crowd(partial(world.spawn, CROWD), url, [ask.flight for ask in asks], self._touches.note)
        self._users = Users(asks, url, recorder, self.now, altered=self._crowd.altered)
        self._add_hosts()

    @property
    def driver(self) -> SimDriver:
        """Carries out the actions of faults."""
        return self._driver

    @property
    def time_scale(self) -> float:
        """The loop's time is the target's."""
        return 1.0

    def now(self) -> float:
        """Virtual seconds since the start."""
        return self._world.loop.time()

    def probe(self, signal: str, window_s: float) -> float | None:
        """A signal as the users saw it in the last seconds."""
        return self._users.observed.probe(signal, self.now() - window_s)

    def on_touched(self, listener: Callable[[str, str, int], None]) -> None:
        """Sets who is told of each effect of a fault."""
        self._touches.listener = listener

    async def deploy(self) -> None:
        """Boots every host, in the order in which they need each other."""
        assembly.seed_registry(self._deployment)
        stores = (STORE, REPLICA) if self._deployment.second_store_address else (STORE,)
        for name in (*stores, "alerts", *FEEDS, "gateway"):
            await self._world.start(name)
        for name in self._services:
            if name not in FEEDS:
                await self._world.start(name)
        await self._world.start("users")
        await self._world.start(CROWD)
        await self._world.start(_OPERATOR)
        servers = {STORE: self._store, REPLICA: self._replica}
        self._driver = SimDriver(
            self._world,
            self._touches,
            self._libraries,
            {name: SimStore(self._agent(name), servers[name].forget) for name in stores},
            f"http://gateway:{_CONTROL_PORT}",
            self._crowd,
            Artifacts(self._deployment.folder / "registry", self._deployment.key),
        )

    def _agent(self, store: str) -> StoreAgent:
        redis = Redis(host=store, port=_STORE_PORT)
        return StoreAgent(redis, lambda hold_id, keys: self._touches.note(hold_id, "keys", keys))

    def _add_hosts(self) -> None:
        world = self._world
        for name in (*assembly.SERVICES, CONSUMER):
            world.add_host(name, self._boot(name))
        world.add_host(STORE, self._store.start)
        world.add_host(REPLICA, self._replica.start)
        world.add_host("gateway", self._boot_gateway)
        world.add_host("alerts", self._boot_alerts)
        world.add_host("users", self._boot_users)
        world.add_host(CROWD)
        world.add_host(_OPERATOR)

    def _boot(self, name: str) -> Callable[[], Any]:
        async def boot() -> None:
            service = await assembly.build(name, self._deployment, self._world.clock(name))
            await serve(service.app, keep_alive_s=assembly.KEEP_ALIVE_S, connections=service.connections)
            for work in service.background:
                self._world.spawn(name, self._work(name, work))
            if self._deployment.profile.supervised:
                self._supervisor.watch(name)

        return boot

    async def _work(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """A service's work; with it its process dies, as a real one does: without its work it must not look alive."""
        try:
            await work()
        except Exception as error:  # the boundary of another process
            _log.exception("%s died of its work", name)
            self._recorder.write("service.died", {"service": name, "why": f"{type(error).__name__}: {error}"})
            self._world.kill(name)

    async def _boot_gateway(self) -> None:
        clock = self._world.clock("gateway").now
        gateway = create_gateway(
            {feed: f"http://{feed}:8000" for feed in FEEDS},
            SessionFetcher(
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=assembly.CLIENT_KEEP_ALIVE_S))
            ),
            clock,
            on_touched=self._touches.note,
        )
        await serve(gateway, keep_alive_s=assembly.KEEP_ALIVE_S)
        await serve(create_control(gateway, clock), _CONTROL_PORT)

    async def _boot_alerts(self) -> None:
        await serve(create_receiver(self._recorder), ALERTS_PORT)

    async def _boot_users(self) -> None:
        self._world.spawn("users", self._users.run())


class _Supervisor:
    """Starts services that died again; `reference_pipeline.orchestration.runbook.Platform` and ``Images`` too."""

    def __init__(self, world: World, libraries: Libraries) -> None:
        self._world = world
        self._libraries = libraries

    def watch(self, name: str) -> None:
        """Starts the service again a little after the process that runs now has died."""
        life = self._world.network.hosts[name].life
        assert life is not None
        life.on_death.append(lambda: self._start_later(name))

    async def restart(self, service: str) -> None:
        """Kills a service's process and starts it again."""
        if service in self._world.network.hosts:
            self._world.kill(service)
            await self._start(service)

    async def pin(self, service: str) -> None:
        """Starts a service again from the image that it had before its dependencies changed."""
        self._libraries.pin(service)
        await self.restart(service)

    def _start_later(self, name: str) -> None:
        def start() -> None:
            if self._world.network.hosts[name].state == "down":
                self._world.spawn(_OPERATOR, self._start(name))

        self._world.loop.call_later(_RESTART_S, start, context=self._world.network.context)

    async def _start(self, name: str) -> None:
        try:
            await self._world.start(name)
        except Exception:  # the boundary of another process: whatever it died of as it started, it is tried again
            _log.exception("%s died while it started", name)
            self._world.kill(name)
            self._start_later(name)
