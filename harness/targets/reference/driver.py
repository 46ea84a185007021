"""The hands of the `sim` backend: carries out the verbs of faults on a simulated world."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from chaos.engine import Evidence
from chaos.errors import InjectionError
from chaos.fault import Action
from chaos.network.toxics import ToxicSpec
from chaos.points import Point, PointKind
from harness.sim import World
from harness.sim.http import stub
from harness.sim.network import Link
from harness.targets.reference.artifacts import Artifacts
from harness.targets.reference.clocks import Clocks
from harness.targets.reference.crowd import Crowd
from harness.targets.reference.holds import ANSWERING, Holds
from harness.targets.reference.layout import HOSTS
from harness.targets.reference.libraries import Libraries
from harness.targets.reference.processes import ABSENT, DEAD, PAUSED, RUNNING, Processes
from harness.targets.reference.store_agent import StoreAgent, store_errors
from harness.targets.reference.touches import Touches


@dataclass(frozen=True, slots=True)
class SimStore:
    """A way into a store, and what makes it come back empty."""

    agent: StoreAgent
    forget: Callable[[], None]


class SimDriver:
    """`chaos.engine.Driver` on a world. ``stores`` has those that this deployment has, by name; ``control`` is the
    base URL of the feed gateway's control API."""

    def __init__(
        self,
        world: World,
        touches: Touches,
        libraries: Libraries,
        stores: Mapping[str, SimStore],
        control: str,
        crowd: Crowd,
        artifacts: Artifacts,
    ) -> None:
        self._world = world
        self._touches = touches
        self._libraries = libraries
        self._stores = stores
        self._control = control
        self._crowd = crowd
        self._artifacts = artifacts
        self._clocks = Clocks(world, touches)
        self._fault_of: dict[str, str] = {}
        self._holds = Holds()
        self._processes = Processes(
            _Hosts(world, stores),
            lambda fault_id: touches.note(fault_id, "processes"),
            lambda fault_ids: touches.note_found(fault_ids, "processes"),
            self._holds,
        )
        self._answers: dict[str, Callable[[], asyncio.Protocol]] = {}
        self._resets: dict[str, int] = {}
        world.network.on_touched = self._toxic_acted

    def _toxic_acted(self, link: Link, toxic: str) -> None:
        if toxic in self._fault_of:
            self._touches.note(self._fault_of[toxic], "transfers")

    async def observe(self, point: Point, what: str) -> Mapping[str, Any]:
        """``entries``: what the store holds."""
        if what != "entries":
            raise InjectionError(f"{point}: nothing called {what!r} can be observed here")
        if point.name not in self._stores:
            return {"entries": {}}  # this profile has no such store
        with store_errors():
            return {"entries": await self._stores[point.name].agent.entries()}

    async def evidence(self, fault_id: str) -> Evidence | None:
        """What the fault touched; for toxics, how many transfers they acted on."""
        toxics = [toxic for toxic, owner in self._fault_of.items() if owner == fault_id]
        links = self._world.network.links.values()
        transfers = sum(link.touched.get(toxic, 0) for link in links for toxic in toxics)
        return Evidence(transfers, "transfers") if transfers else self._touches.evidence(fault_id)

    async def perform(self, fault_id: str, point: Point, action: Action) -> None:
        """One verb at one point; raises `InjectionError` for one that the point doesn't have."""
        handler: Callable[[str, Point, Mapping[str, Any]], Any] | None = getattr(self, f"_{action.verb}", None)
        if handler is None:
            raise InjectionError(f"{point}: the simulator has no verb {action.verb!r}")
        await handler(fault_id, point, action.args)

    # -- feeds

    async def _install(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._call("PUT", f"/rules/{args['rule_id']}", args)

    async def _uninstall(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._call("DELETE", f"/rules/{args['rule_id']}", None)

    async def _call(self, method: str, path: str, body: Any) -> None:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
                session.request(method, self._control + path, json=body) as answer,
            ):
                if answer.status >= 400:
                    raise InjectionError(f"feed gateway: HTTP {answer.status}: {(await answer.text())[:300]}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise InjectionError(f"feed gateway: {str(error) or type(error).__name__}") from error

    # -- links

    async def _add_toxic(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        spec = ToxicSpec.from_json(args["toxic"])
        self._fault_of[spec.name] = fault_id  # before it acts, which may be at once
        for link in self._links(point):
            self._world.network.add_toxic(link, spec)

    async def _remove_toxic(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        for link in self._links(point):
            self._world.network.remove_toxic(link, args["name"])

    async def _answer(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        def answered() -> None:
            self._touches.note(fault_id, "requests")

        self._holds.take(ANSWERING, point.name, fault_id)
        self._answers[fault_id] = stub(args["status"], answered)
        self._resets[fault_id] = self._set_answer(point, self._answers[fault_id])

    async def _unanswer(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        others = self._holds.let_go(ANSWERING, point.name, fault_id)
        self._answers.pop(fault_id, None)
        resets = self._set_answer(point, self._answers[others[-1]] if others else None)
        resets += self._resets.pop(fault_id, 0)
        if resets and self._touches.evidence(fault_id) is None:
            self._touches.note(fault_id, "transfers", resets)  # nobody asked, but whoever does must connect anew

    def _set_answer(self, point: Point, answer: Callable[[], asyncio.Protocol] | None) -> int:
        return sum(self._world.network.set_answer(link, answer) for link in self._links(point))

    def _links(self, point: Point) -> list[str]:
        """Links of the pipeline's hosts; the harness's own way to them stays clean."""
        client, server = point.ends if point.kind == PointKind.LINK else ("*", point.name)
        clients = HOSTS if client == "*" else (client,)
        servers = HOSTS if server == "*" else (server,)
        return [f"{c}->{s}" for c in clients for s in servers if c != s]

    # -- processes

    async def _kill(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._processes.kill(fault_id, point.name)

    async def _start(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._processes.start(fault_id, point.name, empty=bool(args.get("empty")))

    async def _pause(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._processes.pause(fault_id, point.name)

    async def _resume(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._processes.resume(fault_id, point.name)

    # -- clocks

    async def _skew(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self._clocks.skew(point.name, args["skew_id"], args["by_s"])

    async def _unskew(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self._clocks.unskew(point.name, args["skew_id"])

    # -- data in the store

    async def _hold(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        if point.name in self._stores:
            self._stores[point.name].agent.hold(args["hold_id"], args["entries"])

    async def _release(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        if point.name in self._stores:
            with store_errors():
                await self._stores[point.name].agent.release(args["hold_id"])

    # -- dependencies

    async def _overlay(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self._libraries.add(point.name, args["overlay_id"], args["files"])

    async def _remove_overlay(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self._libraries.remove(point.name, args["overlay_id"])

    # -- models

    async def _tamper(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        changed = self._artifacts.tamper(args["tamper_id"], args["mode"], signed=args["signed"])
        if changed:
            self._touches.note(fault_id, "files", changed)

    async def _restore(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self._artifacts.restore(args["tamper_id"])

    # -- requests

    async def _load(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self._crowd.begin(args)

    async def _unload(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self._crowd.end(args["load_id"])

    async def _alter(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self._crowd.alter(args)

    async def _unalter(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self._crowd.unalter(args["alter_id"])


class _Hosts:
    """`harness.targets.reference.processes.Hands` on the hosts of a world."""

    def __init__(self, world: World, stores: Mapping[str, SimStore]) -> None:
        self._world = world
        self._stores = stores

    async def state_of(self, name: str) -> str:
        host = self._world.network.hosts[name]
        if host.life is None:
            return ABSENT  # this profile has no such service
        return {"down": DEAD, "paused": PAUSED}.get(host.state, RUNNING)

    async def end(self, name: str) -> bool:
        self._world.kill(name)
        return True

    async def begin(self, name: str) -> None:
        await self._world.start(name)

    async def begin_anew(self, name: str) -> None:
        self._world.kill(name)
        await self._world.start(name)

    async def freeze(self, name: str) -> bool:
        self._world.pause(name)
        return self._world.network.hosts[name].state == "paused"

    async def thaw(self, name: str) -> None:
        self._world.resume(name)

    async def forget(self, name: str) -> None:
        if name in self._stores:
            self._stores[name].forget()
