"""The hands of the `compose` backend: carries out the verbs of faults on containers, Toxiproxy and the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from redis.exceptions import RedisError

from chaos.engine import Evidence
from chaos.errors import InjectionError
from chaos.fault import Action
from chaos.network.client import ProxyClient, ProxyError
from chaos.network.toxics import ToxicSpec
from chaos.points import Point, PointKind
from harness.errors import TargetError
from harness.targets.reference.compose.engine import PROJECT_LABEL, engine_errors
from harness.targets.reference.compose.events import EngineEvents
from harness.targets.reference.compose.limits import CPU, MEMORY, Resource, stats
from harness.targets.reference.compose.link_bytes import LinkBytes
from harness.targets.reference.compose.outside import Caller
from harness.targets.reference.compose.wiring import LINK_PORTS, upstream
from harness.targets.reference.holds import ANSWERING, OFFLINE, Caps, Holds
from harness.targets.reference.processes import ABSENT, DEAD, PAUSED, RUNNING, Processes
from harness.targets.reference.store_agent import EVERY_S, StoreAgent

if TYPE_CHECKING:
    from harness.targets.reference.compose.stack import Stack

__all__ = ["ComposeDriver"]

T = TypeVar("T")

#: How many a fault has touched so far, and of what.
Trace = Callable[[], Awaitable[tuple[int, str]]]

#: How long a container may take to end before the engine kills it, in seconds.
_GRACE_S = 2
_PING_S, _PINGS = 0.1, 100
#: What the engine says of a container that does not simply run; one that was only made is not needed by the profile.
_STATES = {"created": ABSENT, "exited": DEAD, "dead": DEAD, "paused": PAUSED}
#: Toxics for whose sake connections that are open are closed: Toxiproxy resets only those that come after it.
_CLOSING = ("reset_peer",)


class ComposeDriver:
    """`chaos.engine.Driver` on a deployment. Without ``events`` (after a crash) it can undo, and has no evidence.

    ``stores`` are clients of the stores that this deployment has, on the harness's own ways in; keys that are held are
    looked after every ``hold_every_s`` seconds.
    """

    def __init__(
        self,
        stack: Stack,
        stores: Mapping[str, Any],
        events: EngineEvents | None,
        *,
        hold_every_s: float = EVERY_S,
    ) -> None:
        self._stack = stack
        self._stores = stores
        self._events = events
        urls = stack.description.urls
        self._gateway = Caller("feed gateway", urls.get("gateway", ""))
        self._outpost = Caller("outpost", urls.get("outpost", ""))
        self._toxiproxy = Caller("Toxiproxy", urls.get("toxiproxy", ""))
        self._agents = {
            name: StoreAgent(store, self._overwritten, every_s=hold_every_s) for name, store in stores.items()
        }
        self._held_keys: dict[str, int] = {}
        self._traces: dict[str, dict[str, Trace]] = {}
        self._passing: dict[str, list[LinkBytes]] = {}
        self._known: dict[str, Evidence] = {}
        self._holds = Holds()
        # The engine's own events tell who was killed or paused.
        self._processes = Processes(self, lambda fault_id: None, self._found, self._holds)
        self._caps = Caps()
        self._emptied: set[str] = set()
        self._answers: dict[str, str] = {}

    # -- what the engine of faults asks

    async def observe(self, point: Point, what: str) -> Mapping[str, Any]:
        """``entries``: what the store holds; ``limits``: CPUs and bytes of memory that a service may use, and uses."""
        if what == "entries":
            if point.name not in self._agents:
                return {"entries": {}}  # this profile has no such store
            return {"entries": await self._with_store(self._agents[point.name].entries())}
        if what == "limits":
            return await self._engine(f"looking at {point.name}", self._limits, point.name)
        raise InjectionError(f"{point}: nothing called {what!r} can be observed here")

    async def perform(self, fault_id: str, point: Point, action: Action) -> None:
        """One verb at one point; raises `InjectionError` for one that the point doesn't have."""
        handler: Callable[[str, Point, Mapping[str, Any]], Awaitable[None]] | None = getattr(
            self, f"_{action.verb}", None
        )
        if handler is None:
            raise InjectionError(f"{point}: the backend compose has no verb {action.verb!r}")
        await handler(fault_id, point, action.args)

    async def evidence(self, fault_id: str) -> Evidence | None:
        """What the fault has touched; after its undo what it had touched until then."""
        for trace in list(self._traces.get(fault_id, {}).values()):
            try:
                touched, what = await trace()
            except InjectionError:
                continue  # out of reach just now: what was seen before stands
            known = self._known.get(fault_id)
            if touched > (known.touched if known else 0):
                self._known[fault_id] = Evidence(touched, what)
        return self._known.get(fault_id)

    @property
    def active(self) -> list[str]:
        """The faults that may still touch something."""
        return list(self._traces)

    async def _settle(self, fault_id: str) -> None:
        """Before an undo: what the fault has touched is counted for the last time."""
        await self.evidence(fault_id)
        self._traces.pop(fault_id, None)

    def _found(self, fault_ids: Sequence[str]) -> None:
        """It is the doing of these faults from now on that a process is as they found it, if they did nothing yet."""
        for fault_id in fault_ids:
            self._known.setdefault(fault_id, Evidence(1, "processes"))

    def _trace(self, fault_id: str, key: str, trace: Trace) -> None:
        self._traces.setdefault(fault_id, {}).setdefault(key, trace)

    # -- feeds

    async def _install(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        path = f"/rules/{quote(args['rule_id'], safe='')}"
        await self._gateway("PUT", path, dict(args))

        async def trace() -> tuple[int, str]:
            told = await self._gateway("GET", f"{path}/evidence")
            return told["touched"], told["what"]

        self._trace(fault_id, "rule", trace)

    async def _uninstall(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._settle(fault_id)
        await self._gateway("DELETE", f"/rules/{quote(args['rule_id'], safe='')}", missing_ok=True)

    # -- links

    async def _add_toxic(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        toxic = _in_whole_numbers(ToxicSpec.from_json(args["toxic"]))
        links = _links(point)
        if toxic.toxicity > 0 and toxic.name not in self._traces.get(fault_id, {}):
            await self._trace_bytes(fault_id, toxic, links)
        await self._on_links(links, lambda client, link: _add(client, link, toxic))

    async def _trace_bytes(self, fault_id: str, toxic: ToxicSpec, links: Sequence[str]) -> None:
        streams = [(link, toxic.stream) for link in links]
        passing = LinkBytes(self._stack, self._toxiproxy, streams, closing=toxic.type in _CLOSING)
        await passing.begin()

        async def trace() -> tuple[int, str]:
            return await passing.passed(), "bytes"

        self._passing.setdefault(fault_id, []).append(passing)
        self._trace(fault_id, toxic.name, trace)

    async def _remove_toxic(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        for passing in self._passing.pop(fault_id, []):
            passing.ask_again()
        await self._settle(fault_id)
        await self._on_links(_links(point), lambda client, link: client.remove_toxic(link, args["name"]))

    async def _answer(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        """Every link to the service leads to the outpost instead, where each request gets one status."""
        path = f"/answers/{quote(fault_id, safe='')}"
        port = (await self._outpost("PUT", path, {"status": args["status"]}))["port"]
        self._holds.take(ANSWERING, point.name, fault_id)
        self._answers[fault_id] = answering = f"outpost:{port}"
        await self._on_links(_links(point), lambda client, link: client.update(link, upstream=answering))

        async def trace() -> tuple[int, str]:
            return (await self._outpost("GET", path))["requests"], "requests"

        self._trace(fault_id, "answer", trace)

    async def _unanswer(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._settle(fault_id)
        others = self._holds.let_go(ANSWERING, point.name, fault_id)
        back_to = self._answers[others[-1]] if others else upstream(point.name)
        await self._on_links(_links(point), lambda client, link: client.update(link, upstream=back_to))

    # -- containers

    async def _kill(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self._trace_event(fault_id, point.name, "die", "processes")
        await self._processes.kill(fault_id, point.name)

    async def _start(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._settle(fault_id)
        await self._processes.start(fault_id, point.name, empty=bool(args.get("empty")))

    async def _pause(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self._trace_event(fault_id, point.name, "pause", "processes")
        await self._processes.pause(fault_id, point.name)

    async def _resume(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._settle(fault_id)
        await self._processes.resume(fault_id, point.name)

    # What `harness.targets.reference.processes.Processes` does with them

    async def state_of(self, name: str) -> str:
        """What a container does, in the words of `Processes`."""
        status = await self._engine(f"looking at {name}", lambda: str(self._stack.container(name).status))
        return _STATES.get(status, RUNNING)

    async def end(self, name: str) -> bool:
        """Kills a container."""

        def kill() -> None:
            container = self._stack.container(name)
            if container.status == "paused":
                container.unpause()
            container.kill()

        await self._engine(f"killing {name}", kill)
        return True

    async def begin(self, name: str) -> None:
        """Starts a container; a store that has lost its data comes back without them, before anybody can reach it."""
        if name not in self._emptied:
            await self._engine(f"starting {name}", lambda: self._stack.container(name).start())
            return
        links = _links(Point(PointKind.STORE, name))
        await self._on_links(links, lambda client, link: client.update(link, enabled=False))
        await self._engine(f"starting {name}", lambda: self._stack.container(name).start())
        offline = self._holds.held(OFFLINE, name)
        if offline:  # for this it must be reached
            await self._engine(f"connecting {name}", self._set_connected, name, True)
        await self._empty(name)
        if offline:
            await self._engine(f"disconnecting {name}", self._set_connected, name, False)
        await self._on_links(links, lambda client, link: client.update(link, enabled=True))
        self._emptied.discard(name)

    async def _empty(self, store: str) -> None:
        for attempt in range(_PINGS):
            try:
                await self._stores[store].flushall()
                return
            except (RedisError, OSError) as error:
                if attempt == _PINGS - 1:
                    raise InjectionError(f"the {store} does not answer: {error}") from error
                await asyncio.sleep(_PING_S)

    async def begin_anew(self, name: str) -> None:
        """Ends a container, also one that is paused, and starts it again."""
        await self._engine(f"resuming {name}", self._set_paused, name, False)
        await self.restart(name)

    async def freeze(self, name: str) -> bool:
        """Pauses a container."""
        await self._engine(f"pausing {name}", self._set_paused, name, True)
        return await self.state_of(name) == PAUSED

    async def thaw(self, name: str) -> None:
        """Lets a container go on."""
        await self._engine(f"resuming {name}", self._set_paused, name, False)

    async def forget(self, name: str) -> None:
        """It is emptied when it comes back."""
        if name in self._stores:
            self._emptied.add(name)

    def _set_paused(self, service: str, paused: bool) -> None:
        container = self._stack.container(service)
        if paused and container.status == "running":
            container.pause()
        elif not paused and container.status == "paused":
            container.unpause()

    async def _disconnect(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        if await self.state_of(point.name) == ABSENT:
            return  # this profile has no such service
        self._holds.take(OFFLINE, point.name, fault_id)
        self._trace_event(fault_id, point.name, "disconnect", "processes")
        await self._engine(f"disconnecting {point.name}", self._set_connected, point.name, False)

    async def _connect(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._settle(fault_id)
        others = self._holds.let_go(OFFLINE, point.name, fault_id)
        if others:
            self._found(others)
            return
        await self._engine(f"connecting {point.name}", self._set_connected, point.name, True)

    def _set_connected(self, service: str, connected: bool) -> None:
        container = self._stack.container(service)
        mine = {"label": f"{PROJECT_LABEL}={self._stack.project}"}
        for network in self._stack.client.networks.list(filters=mine):
            if not network.name.endswith("_pipeline"):
                continue
            joined = network.name in container.attrs["NetworkSettings"]["Networks"]
            if connected and not joined:
                network.connect(container, aliases=[service])
            elif joined and not connected:
                network.disconnect(container)

    # -- limits

    async def _limit_cpu(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._limit(fault_id, point, CPU, args["cpus"])

    async def _unlimit_cpu(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._unlimit(fault_id, point, CPU, args["cpus"])

    async def _limit_memory(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        self._trace_event(fault_id, point.name, "oom", "processes")
        await self._limit(fault_id, point, MEMORY, args["bytes"])

    async def _unlimit_memory(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._unlimit(fault_id, point, MEMORY, args["bytes"])

    async def _limit(self, fault_id: str, point: Point, resource: Resource, value: float) -> None:
        service, counted = point.name, resource.counted
        before = await self._engine(f"looking at {service}", lambda name: stats(self._stack.container(name)), service)

        async def trace() -> tuple[int, str]:
            now = await self._engine(f"looking at {service}", lambda name: stats(self._stack.container(name)), service)
            return now.get(counted, 0) - before.get(counted, 0), counted

        self._trace(fault_id, counted, trace)

        def limit() -> None:
            container = self._stack.container(service)
            now = self._caps.take(resource.of(service), fault_id, value, before=resource.read(container))
            resource.change(container, now)

        await self._engine(f"limiting {service}", limit)

    async def _unlimit(self, fault_id: str, point: Point, resource: Resource, value: float) -> None:
        await self._settle(fault_id)
        service = point.name
        now = self._caps.let_go(resource.of(service), fault_id, before=value)
        await self._engine(f"limiting {service}", lambda: resource.change(self._stack.container(service), now))

    def caps_memory(self, service: str) -> bool:
        """Whether a fault lets a service have less memory than it should."""
        return self._caps.capped(MEMORY.of(service))

    def _limits(self, service: str) -> dict[str, Any]:
        """What it may use without any fault, which is what is given back; and what it uses."""
        container = self._stack.container(service)
        found: dict[str, Any] = {"memory_used_bytes": stats(container).get("memory bytes", 0)}
        for name, resource in (("cpus", CPU), ("memory_bytes", MEMORY)):
            before = self._caps.before(resource.of(service))
            found[name] = resource.read(container) if before is None else before
        return found

    # -- data in the store

    async def _hold(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        if point.name not in self._agents:
            return
        self._agents[point.name].hold(args["hold_id"], args["entries"])

        async def trace() -> tuple[int, str]:
            return self._held_keys.get(args["hold_id"], 0), "keys"

        self._trace(fault_id, "hold", trace)

    async def _release(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._settle(fault_id)
        if point.name in self._agents:
            await self._with_store(self._agents[point.name].release(args["hold_id"]))

    def _overwritten(self, hold_id: str, keys: int) -> None:
        self._held_keys[hold_id] = self._held_keys.get(hold_id, 0) + keys

    # -- dependencies

    async def _overlay(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        path = f"/overlays/{point.name}/{quote(args['overlay_id'], safe='')}"
        await self._outpost("PUT", path, {"files": args["files"]})

        async def trace() -> tuple[int, str]:
            return (await self._outpost("GET", path))["loads"], "loads"

        self._trace(fault_id, "overlay", trace)
        await self._processes.start_anew(point.name)

    async def _remove_overlay(self, fault_id: str, point: Point, args: Mapping[str, Any]) -> None:
        await self._settle(fault_id)
        path = f"/overlays/{point.name}/{quote(args['overlay_id'], safe='')}"
        if await self._outpost("DELETE", path, missing_ok=True) is not None:
            await self._processes.start_anew(point.name)

    async def restart(self, service: str) -> None:
        """Ends a service's process and starts it again."""
        await self._engine(
            f"restarting {service}", lambda name: self._stack.container(name).restart(timeout=_GRACE_S), service
        )

    # -- how each is reached

    def _trace_event(self, fault_id: str, service: str, action: str, what: str) -> None:
        events = self._events
        if events is None:
            return
        before = events.count(service, action)

        async def trace() -> tuple[int, str]:
            # One container: however often the engine says it (leaving a network is told twice), it is one process.
            return min(events.count(service, action) - before, 1), what

        self._trace(fault_id, action, trace)

    async def _engine(self, doing: str, work: Callable[..., T], *args: Any) -> T:
        def guarded() -> T:
            with engine_errors(doing):
                return work(*args)

        try:
            return await asyncio.to_thread(guarded)
        except TargetError as error:
            raise InjectionError(str(error)) from error

    async def _on_links(self, links: Sequence[str], change: Callable[[ProxyClient, str], object]) -> None:
        def guarded() -> None:
            with ProxyClient(self._stack.description.urls["toxiproxy"]) as client:
                for link in links:
                    change(client, link)

        try:
            await asyncio.to_thread(guarded)
        except ProxyError as error:
            raise InjectionError(str(error)) from error

    async def _with_store(self, work: Awaitable[T]) -> T:
        try:
            return await work
        except (RedisError, OSError) as error:
            raise InjectionError(f"feature store: {str(error) or type(error).__name__}") from error


def _links(point: Point) -> list[str]:
    """The links of the pipeline that a point means: itself, or each one to a service or a store."""
    client, server = point.ends if point.kind is PointKind.LINK else ("*", point.name)
    links = [link for link in LINK_PORTS if _matches(link, client, server)]
    if not links:
        raise InjectionError(f"{point}: the compose deployment has no such link")
    return links


def _matches(link: str, client: str, server: str) -> bool:
    from_, _, to = link.partition("->")
    return client in ("*", from_) and server in ("*", to)


def _in_whole_numbers(toxic: ToxicSpec) -> ToxicSpec:
    """A real Toxiproxy takes whole numbers only; what is little must not become nothing."""
    whole = {name: max(round(value), 1) if value > 0 else 0 for name, value in toxic.attributes.items()}
    return ToxicSpec(toxic.name, toxic.type, toxic.stream, toxic.toxicity, whole)


def _add(client: ProxyClient, link: str, toxic: ToxicSpec) -> None:
    """Adds a toxic once, and closes connections that are open if it is one of `_CLOSING`."""
    if any(known["name"] == toxic.name for known in client.toxics(link)):
        return
    client.add_toxic(link, toxic)
    if toxic.type in _CLOSING:
        client.update(link, enabled=False)
        client.update(link, enabled=True)
