"""The hands of the `local` backend: carries out the verbs of faults on processes, the fault proxy and the gateway."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.engine import Evidence
from chaos.errors import InjectionError
from chaos.fault import Action
from chaos.network.client import ProxyClient, ProxyError
from chaos.network.toxics import ToxicSpec
from chaos.points import Point, PointKind
from harness.errors import TargetError
from harness.live.supervisor import Supervisor
from harness.live.volumes import Volumes
from harness.targets.reference.artifacts import Artifacts
from harness.targets.reference.crowd import Crowd
from harness.targets.reference.holds import ANSWERING, FULL, PROTECTED, Holds
from harness.targets.reference.layout import STORE
from harness.targets.reference.local.gateway_client import GatewayClient
from harness.targets.reference.local.overlays import Overlays
from harness.targets.reference.local.stub import Stub
from harness.targets.reference.local.traces import Traces
from harness.targets.reference.local.wiring import Wiring
from harness.targets.reference.local.wrong_clocks import WrongClocks
from harness.targets.reference.locust_load import LocustLoad
from harness.targets.reference.processes import ABSENT, DEAD, PAUSED, RUNNING, Processes
from harness.targets.reference.store_agent import StoreAgent, store_errors
from harness.targets.reference.touches import Touches

__all__ = ["VOLUMES", "Children", "LocalDriver"]

#: The folder that each service writes to.
VOLUMES: Mapping[str, str] = {
    "registry": "registry",
    "features": "offline",
    "ingestion": "lake",
    "training": "experiments",
    "serving": "serving",
    STORE: "store",
}


@dataclass(frozen=True, slots=True)
class LocalDriver:
    """`chaos.engine.Driver` on the processes of one arm. ``lease`` is held by the stage; what hangs on it goes with it.

    ``agents`` has the way into each store of this deployment; ``store_data`` says where a store keeps what it must
    remember.
    """

    supervisor: Supervisor
    wiring: Wiring
    proxy: ProxyClient
    gateway: GatewayClient
    overlays: Overlays
    agents: Mapping[str, StoreAgent]
    touches: Touches
    traces: Traces
    stubs: dict[str, Stub]
    store_data: Callable[[str], Path]
    lease: str
    crowd: Crowd | LocustLoad
    artifacts: Artifacts
    volumes: Volumes | None
    clocks: WrongClocks
    holds: Holds = field(default_factory=Holds)

    async def observe(self, point: Point, what: str) -> Mapping[str, Any]:
        """``entries``: what the store holds."""
        if what != "entries":
            raise InjectionError(f"{point}: nothing called {what!r} can be observed here")
        if point.name not in self.agents:
            return {"entries": {}}  # this profile has no such store
        with store_errors():
            return {"entries": await self.agents[point.name].entries()}

    async def evidence(self, fault_id: str) -> Evidence | None:
        """What the fault touched, as counted by whatever it acted in."""
        return await self.traces.evidence(fault_id) or self.touches.evidence(fault_id)

    async def perform(self, fault_id: str, point: Point, action: Action) -> None:
        """One verb at one point; raises `InjectionError` for one that the point doesn't have."""
        handler: Callable[[str, Point, Mapping[str, Any]], Any] | None = getattr(self, f"_{action.verb}", None)
        if handler is None:
            raise InjectionError(f"{point}: the backend local has no verb {action.verb!r}")
        try:
            await handler(fault_id, point, action.args)
        except (ProxyError, TargetError) as error:
            raise InjectionError(str(error)) from error

    # -- feeds

    async def _install(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        rule_id = args["rule_id"]
        await self.gateway.install({**args, "lease": self.lease})
        self.traces.follow(fault_id, rule_id, lambda: self.gateway.evidence(rule_id))

    async def _uninstall(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self.gateway.uninstall(args["rule_id"])

    # -- links

    async def _add_toxic(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        spec = ToxicSpec.from_json(args["toxic"])
        for link in self._links(point):
            try:
                await asyncio.to_thread(self.proxy.add_toxic, link, spec, lease=self.lease)
            except ProxyError as error:
                if error.status != 409:  # it is there already
                    raise
            self.traces.follow(fault_id, f"{link} {spec.name}", self._transfers(link, spec.name))

    async def _remove_toxic(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        for link in self._links(point):
            await asyncio.to_thread(self.proxy.remove_toxic, link, args["name"])

    def _transfers(self, link: str, toxic: str) -> Callable[[], Any]:
        async def count() -> Evidence | None:
            try:
                found = await asyncio.to_thread(self.proxy.evidence, link)
            except ProxyError as error:
                raise InjectionError(str(error)) from error
            actions = 0 if found is None else found.touched(toxic).actions
            return Evidence(actions, "transfers") if actions else None

        return count

    async def _answer(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        stub = self.stubs.get(fault_id)
        if stub is None:
            stub = self.stubs[fault_id] = Stub(args["status"], lambda: self.touches.note(fault_id, "requests"))
            await stub.open()
        self.holds.take(ANSWERING, point.name, fault_id)
        for link in self._links(point):
            await asyncio.to_thread(self.proxy.update, link, upstream=stub.address)

    async def _unanswer(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        others = self.holds.let_go(ANSWERING, point.name, fault_id)
        for link in self._links(point):
            upstream = self.stubs[others[-1]].address if others else self.wiring.upstream(link)
            await asyncio.to_thread(self.proxy.update, link, upstream=upstream)
        stub = self.stubs.pop(fault_id, None)
        if stub is not None:
            stub.close()

    def _links(self, point: Point) -> list[str]:
        """The links that a point stands for. Raises `InjectionError` for one that leads through no proxy."""
        client, server = point.ends if point.kind == PointKind.LINK else ("*", point.name)
        links = self.wiring.links_at(client, server)
        if not links:
            raise InjectionError(f"{point}: nothing goes this way")
        return links

    # -- processes

    async def _kill(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._processes.kill(fault_id, point.name)

    async def _start(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        # How long it takes to answer is a part of the recovery.
        await self._processes.start(fault_id, point.name, empty=bool(args.get("empty")))

    async def _pause(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._processes.pause(fault_id, point.name)

    async def _resume(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._processes.resume(fault_id, point.name)

    @property
    def _processes(self) -> Processes:
        return Processes(
            Children(self.supervisor, self.agents, self.store_data),
            lambda fault_id: self.touches.note(fault_id, "processes"),
            lambda fault_ids: self.touches.note_found(fault_ids, "processes"),
            self.holds,
        )

    # -- clocks

    async def _skew(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self.clocks.skew(point.name, args["skew_id"], args["by_s"])

        async def believing() -> Evidence | None:
            child = self.supervisor.child(point.name)
            return Evidence(1, "clocks") if child is not None and self.clocks.believed_by(child.pid) else None

        self.traces.follow(fault_id, args["skew_id"], believing)

    async def _unskew(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self.clocks.unskew(point.name, args["skew_id"])

    # -- disks

    async def _fill_disk(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        volumes = self._mounted(point)
        found_so = self.holds.held(FULL, point.name) or self.holds.held(PROTECTED, point.name)
        self.holds.take(FULL, point.name, fault_id)
        volumes.fill(VOLUMES[point.name])
        if not found_so:
            self.touches.note(fault_id, "volumes")

    async def _free_disk(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        volumes = self._mounted(point)
        others = self.holds.let_go(FULL, point.name, fault_id)
        if not others:
            volumes.free(VOLUMES[point.name])
        elif not self.holds.held(PROTECTED, point.name):
            self.touches.note_found(others, "volumes")

    async def _protect_disk(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        volumes = self._mounted(point)
        found_so = self.holds.held(PROTECTED, point.name)
        self.holds.take(PROTECTED, point.name, fault_id)
        volumes.protect(VOLUMES[point.name])
        if not found_so:
            self.touches.note(fault_id, "volumes")

    async def _unprotect_disk(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        volumes = self._mounted(point)
        others = self.holds.let_go(PROTECTED, point.name, fault_id)
        if not others:
            volumes.unprotect(VOLUMES[point.name])
        self.touches.note_found(others or self.holds.held(FULL, point.name), "volumes")

    def _mounted(self, point: Point) -> Volumes:
        if self.volumes is None or point.name not in VOLUMES:
            raise InjectionError(f"{point} writes to no volume; those that do: {', '.join(VOLUMES)}")
        return self.volumes

    # -- data in the store

    async def _hold(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        if point.name in self.agents:
            self.agents[point.name].hold(args["hold_id"], args["entries"])

    async def _release(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        if point.name in self.agents:
            with store_errors():
                await self.agents[point.name].release(args["hold_id"])

    # -- dependencies

    async def _overlay(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        overlay_id = args["overlay_id"]
        if not self.overlays.add(point.name, overlay_id, args["files"]):
            return

        async def count() -> Evidence | None:
            loads = self.overlays.loads(overlay_id)
            return Evidence(loads, "loads") if loads else None

        self.traces.follow(fault_id, overlay_id, count)
        if self.overlays.has_modules(point.name, overlay_id):  # settings are read anew by themselves
            await self._processes.start_anew(point.name)

    async def _remove_overlay(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        modules = self.overlays.has_modules(point.name, args["overlay_id"])
        if self.overlays.remove(point.name, args["overlay_id"]) and modules:
            await self._processes.start_anew(point.name)

    # -- models

    async def _tamper(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        changed = self.artifacts.tamper(args["tamper_id"], args["mode"], signed=args["signed"])
        if changed:
            self.touches.note(fault_id, "files", changed)

    async def _restore(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self.artifacts.restore(args["tamper_id"])

    # -- requests

    async def _load(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self.crowd.begin(args)

    async def _unload(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self.crowd.end(args["load_id"])

    async def _alter(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self.crowd.alter(args)

    async def _unalter(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self.crowd.unalter(args["alter_id"])


class Children:
    """`harness.targets.reference.processes.Hands` on the processes of a supervisor."""

    def __init__(self, supervisor: Supervisor, stores: Collection[str], store_data: Callable[[str], Path]) -> None:
        self._supervisor = supervisor
        self._stores = stores
        self._store_data = store_data

    async def state_of(self, name: str) -> str:
        if name not in self._supervisor:
            return ABSENT  # this profile has no such service
        child = self._supervisor.child(name)
        if child is None:
            return DEAD
        return PAUSED if child.stopped else RUNNING

    async def end(self, name: str) -> bool:
        return await self._supervisor.kill(name)

    async def begin(self, name: str) -> None:
        await self._supervisor.launch(name)

    async def begin_anew(self, name: str) -> None:
        await self._supervisor.replace(name)

    async def freeze(self, name: str) -> bool:
        return await self._supervisor.pause(name)

    async def thaw(self, name: str) -> None:
        self._supervisor.resume(name)

    async def forget(self, name: str) -> None:
        if name in self._stores:
            data = self._store_data(name)
            shutil.rmtree(data, ignore_errors=True)
            data.mkdir(exist_ok=True)
