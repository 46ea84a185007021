"""The reference pipeline in containers: `harness.targets.base.Stage`."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from chaos.errors import InjectionError
from chaos.rng import uniform
from harness.errors import HarnessError, TargetError
from harness.safety.identity import ProcessIdentity
from harness.targets.base import LOCUST_LOAD, Arm, Recorder
from harness.targets.reference.compose.driver import ComposeDriver
from harness.targets.reference.compose.engine import engine_errors
from harness.targets.reference.compose.events import EngineEvent, EngineEvents
from harness.targets.reference.compose.outside import Caller
from harness.targets.reference.compose.stack import Description, Stack
from harness.targets.reference.compose.wiring import OUTPOST_PORT, SERVERS, gateway_config, second_store, service_config
from harness.targets.reference.layout import CONSUMER, MIRROR, REPLICA, STORE
from harness.targets.reference.locust_load import LocustLoad, Ways
from harness.targets.reference.receiver import alert_record
from harness.targets.reference.store_agent import EVERY_S
from harness.targets.reference.variants import profile_of
from harness.targets.reference.workload import PREDICT, Users, plan_asks
from reference_pipeline import assembly
from reference_pipeline.data import Prepared

__all__ = ["ComposeStage", "store_client"]

T = TypeVar("T")

_log = logging.getLogger("reference_pipeline.supervisor")

#: A supervisor starts a dead process again after this long, in seconds of the target's time.
_RESTART_S = 15.0
#: How soon after the last preparation the clocks start, and how often it is asked what faults touched.
_BEGIN_IN_S = 0.3
_LOOK_S = 0.25
#: How long the outpost may hold a question, and how long to wait when it can't be reached.
_FOLLOW_S, _AGAIN_S = 10.0, 0.2
_STORE_TIMEOUT_S = 5.0
#: The least time between two looks at held keys, and how often the workload's pace is told, in seconds.
_HOLD_EVERY_S, _PACE_EVERY_S = 0.2, 5.0
_MONITORING = "monitoring"


def store_client(url: str) -> Redis:
    """A client on the harness's own way to the feature store; it gives up soon, and asks once."""
    host, _, port = url.removeprefix("http://").partition(":")
    return Redis(
        host=host,
        port=int(port or 0),
        retry=Retry(NoBackoff(), 0),
        socket_timeout=_STORE_TIMEOUT_S,
        socket_connect_timeout=_STORE_TIMEOUT_S,
    )


class ComposeStage:
    """One deployment, about to run. ``description`` is the file that tells others where it is, while it is;
    ``on_lost`` is told when the run has lost what it needs.
    """

    def __init__(
        self, arm: Arm, recorder: Recorder, prepared: Prepared, description: Path, on_lost: Callable[[str], None]
    ) -> None:
        self._arm = arm
        self._recorder = recorder
        self._prepared = prepared
        self._description = description
        self._on_lost = on_lost
        self._profile = assembly.paced(profile_of(arm.profile), arm.density.grain_s)
        self._entry = arm.density.through or "serving"
        self._origin: float | None = None
        self._stack: Stack | None = None
        self._events: EngineEvents | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._listener: Callable[[str, str, int], None] | None = None
        self._told: dict[str, int] = {}
        self._users: Users | LocustLoad
        self._locust: LocustLoad | None = None

    @property
    def driver(self) -> ComposeDriver:
        """Carries out the actions of faults."""
        return self._driver

    @property
    def time_scale(self) -> float:
        """Seconds of the target's time in one of the machine's."""
        return self._arm.time_scale

    def now(self) -> float:
        """Seconds of the target's time since the start; 0 until everything runs."""
        return 0.0 if self._origin is None else max(time.monotonic() - self._origin, 0.0) * self._arm.time_scale

    def probe(self, signal: str, window_s: float) -> float | None:
        """A signal as the users saw it in the last seconds."""
        return self._users.observed.probe(signal, self.now() - window_s)

    def on_touched(self, listener: Callable[[str, str, int], None]) -> None:
        """Sets who is told of each effect of a fault."""
        self._listener = listener

    async def deploy(self) -> None:
        """Makes the containers, says where they are, starts them, and then the clocks."""
        began = time.monotonic()
        self._stack = stack = await _to_its_end(lambda: Stack.create(self._configs(), self._describe))
        await _to_its_end(lambda: stack.start(self._not_needed()), on_cancel=stack.give_up)
        self._describe(stack.description)
        loop = asyncio.get_running_loop()
        containers = dict(stack.description.containers)
        self._events = EngineEvents(
            stack.project, containers, lambda event: _on_loop(loop, lambda: self._happened(event))
        )
        with engine_errors("following the engine's events"):
            await asyncio.to_thread(self._events.__enter__)
        every_s = max(EVERY_S / self._arm.time_scale, _HOLD_EVERY_S)
        stores = {name: store_client(stack.description.urls[name]) for name in self._stores()}
        self._driver = ComposeDriver(stack, stores, self._events, hold_every_s=every_s)
        await self._gather_users()
        took_s = time.monotonic() - began
        self._recorder.write("arm.deployed", {"took_s": took_s, "time_scale": self._arm.time_scale})
        self._origin = time.monotonic() + _BEGIN_IN_S
        stack.begin(time.time() + _BEGIN_IN_S)
        for work in (self._users.run(), self._follow_outpost(), self._watch_faults(), self._tell_pace()):
            self._spawn(self._needed(work))

    async def close(self) -> None:
        """Ends what goes on beside, keeps the logs, and removes the deployment."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._locust is not None:
            await self._locust.close()
        if self._events is not None:
            await asyncio.to_thread(self._events.__exit__)
        stack = self._stack or await asyncio.to_thread(self._half_made)
        if stack is not None:
            logs = self._description.with_suffix("").with_suffix(".log")
            with suppress(OSError):  # a disk without room for logs must not keep the deployment
                await asyncio.to_thread(stack.keep_logs, logs)
            await asyncio.to_thread(stack.tear_down)
            self._description.unlink(missing_ok=True)

    def _half_made(self) -> Stack | None:
        """A deployment whose making failed: what the description tells of it."""
        try:
            return Stack.attach(json.loads(self._description.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def _describe(self, description: Description) -> None:
        """Writes down where the deployment is, whole or not at all."""
        told = description.to_json() | {"conductor": ProcessIdentity.own().to_json()}
        draft = self._description.with_suffix(".tmp")
        try:
            draft.write_text(json.dumps(told) + "\n", encoding="utf-8")
            draft.replace(self._description)
        except OSError as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise TargetError(
                f"{self._description} cannot be written ({error.strerror or error}), without which a crash could leave "
                "containers behind. Free some space, or choose another folder with --results."
            ) from error

    def _configs(self) -> dict[str, Any]:
        arm = self._arm
        start = {"start": arm.start.timestamp(), "time_scale": arm.time_scale}
        phase = round(self._profile.watch_s * uniform(arm.seed, "phase", _MONITORING), 3)
        common = {
            "profile": asdict(self._profile),
            "seed": arm.seed,
            "grain_s": arm.density.grain_s,
            "phases": {_MONITORING: phase},
            **start,
        }
        if self._profile.supervised:
            common["platform"] = f"http://outpost:{OUTPOST_PORT}"
        configs = {}
        for service in SERVERS:
            second = {"second_store": second_store(service)} if self._profile.second_store else {}
            configs[service] = service_config(service, **common, **second)
        return configs | {"gateway": gateway_config(**start)}

    def _not_needed(self) -> set[str]:
        """What this profile does without, and these users."""
        needed = {*assembly.services_of(self._profile), self._entry}
        return {MIRROR, CONSUMER, REPLICA} - needed - ({REPLICA} if self._profile.second_store else set())

    def _stores(self) -> tuple[str, ...]:
        return (STORE, REPLICA) if self._profile.second_store else (STORE,)

    async def _gather_users(self) -> None:
        arm = self._arm
        assert self._stack is not None
        start = arm.start.timestamp()
        flights = self._prepared.flights(start, start + arm.end_s + 4 * 3600)
        asks = plan_asks(flights, start, arm.end_s, arm.seed, arm.density.users)
        url = self._stack.description.urls[self._entry]
        if arm.load == LOCUST_LOAD:
            self._users = self._locust = LocustLoad(
                asks, self._recorder, self.now, lambda *touched: None, time_scale=arm.time_scale
            )
            plan = Path(self._stack.description.config) / "users.jsonl"
            log = self._description.with_suffix("").with_suffix(".locust.log")
            await self._locust.open(Ways(url, url), plan, log)
        else:
            self._users = Users(asks, url + PREDICT, self._recorder, self.now, time_scale=arm.time_scale)

    # -- what goes on beside

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _needed(self, work: Coroutine[Any, Any, None]) -> None:
        """A part of the harness: what it dies of is the end of the run."""
        try:
            await work
        except Exception as error:  # the boundary of a task that nobody waits for
            self._on_lost(str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}")

    async def _follow_outpost(self) -> None:
        """Alerts go to the journal; what runbooks ask of the platform is done."""
        assert self._stack is not None
        outpost = Caller("outpost", self._stack.description.urls["outpost"])
        after = 0
        while True:
            try:
                news = await outpost("GET", f"/events?after={after}&wait_s={_FOLLOW_S / 2:g}")
            except InjectionError:
                await asyncio.sleep(_AGAIN_S)
                continue
            for event in news:
                after = event["number"]
                if event["kind"] == "alert":
                    self._take_alert(event["alert"])
                elif event["kind"] == "restart" and event["service"] in SERVERS:
                    self._spawn(self._restart(event["service"]))

    def _take_alert(self, told: dict[str, Any]) -> None:
        """Prometheus watches everything; a deployment is told only of what its profile watches."""
        alert = {key: value for key, value in told.items() if key != "endsAt" or told.get("status") == "resolved"}
        record = alert_record(alert)
        if record["labels"].get("source") != "prometheus" or record["component"] in self._profile.watched:
            self._recorder.write("alert", record)

    async def _tell_pace(self) -> None:
        """How well the workload keeps its pace: a machine that is too slow shows here first."""
        while True:
            await asyncio.sleep(_PACE_EVERY_S)
            self._recorder.write("arm.pace", self._users.punctuality.summary())

    async def _watch_faults(self) -> None:
        """Tells the listener what faults touch, soon after they do."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _LOOK_S)
            self._news.clear()
            for fault_id in self._driver.active:
                seen = await self._driver.evidence(fault_id)
                more = 0 if seen is None else seen.touched - self._told.get(fault_id, 0)
                if seen is not None and more > 0 and self._listener is not None:
                    self._told[fault_id] = seen.touched
                    self._listener(fault_id, seen.what, more)

    def _happened(self, event: EngineEvent) -> None:
        self._news.set()
        # What dies as it starts ends the arm, with what it said. Without memory one may die for the sake of a fault.
        if event.died_of and self._origin is not None and not self._driver.caps_memory(event.service):
            self._recorder.write("service.died", {"service": event.service, "why": event.died_of})
        if event.action == "die" and self._profile.supervised and event.service in SERVERS:
            self._spawn(self._start_later(event.service))

    async def _start_later(self, service: str) -> None:
        await asyncio.sleep(_RESTART_S / self._arm.time_scale)
        try:
            await asyncio.to_thread(self._start_if_down, service)
        except TargetError as error:
            _log.warning("%s is not started again: %s", service, error)

    def _start_if_down(self, service: str) -> None:
        assert self._stack is not None
        container = self._stack.container(service)
        if container.status == "exited":
            with engine_errors(f"starting {service} again"):
                container.start()

    async def _restart(self, service: str) -> None:
        try:
            await self._driver.restart(service)
        except InjectionError as error:
            _log.warning("%s is not restarted: %s", service, error)


async def _to_its_end(work: Callable[[], T], *, on_cancel: Callable[[], None] = lambda: None) -> T:
    """Runs something in a thread. If the caller is cancelled, that is passed on only when the thread has ended: nobody
    tears down what another one still builds."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        on_cancel()
        await asyncio.wait({working})
        working.exception()
        raise


def _on_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """Calls something on a loop from another thread; nothing happens if the loop has ended."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(call)
