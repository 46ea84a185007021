"""A simulated world: a loop, a network, its hosts, and wall time that follows virtual time."""

from __future__ import annotations

import gc
from asyncio import events
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any

import time_machine

from harness.sim.hosts import DEAD, LIFE, PAUSED, RUNNING, Host, HostClock, Life
from harness.sim.loop import SimLoop
from harness.sim.network import Network

#: Starts a host's process: called in the host's context, again after each restart.
Boot = Callable[[], Coroutine[Any, Any, None]]


class World:
    """Hosts on a virtual network.

    ``epoch`` is the wall time (seconds since 1970) at virtual time 0; ``seed`` keys every draw.
    """

    def __init__(self, *, epoch: float, seed: int) -> None:
        self.epoch = epoch
        self.seed = seed
        self.loop = SimLoop()
        self.network = Network(self.loop, seed)
        self.loop.network = self.network
        self._boots: dict[str, Boot] = {}

    def clock(self, name: str) -> HostClock:
        """The wall clock of a host."""
        return HostClock(self.loop, self.epoch, self.network.hosts[name])

    def add_host(self, name: str, boot: Boot | None = None) -> Host:
        """A host; ``boot`` is what runs on it whenever it starts."""
        host = self.network.add_host(name)
        if boot is not None:
            self._boots[name] = boot
        return host

    # -- what happens to hosts; each is idempotent

    async def start(self, name: str) -> None:
        """Boots a host that is down; returns when its boot coroutine has returned."""
        host = self.network.hosts[name]
        if host.state != "down":
            return
        host.life = Life(host)
        if name in self._boots:
            await self.spawn(name, self._boots[name]())

    def spawn(self, name: str, coro: Coroutine[Any, Any, Any]) -> Any:
        """Runs a coroutine as a process of the host; the task."""
        context = copy_context()
        context.run(LIFE.set, self.network.hosts[name].life)
        return self.loop.create_task(coro, name=name, context=context)

    def kill(self, name: str) -> None:
        """SIGKILL: no ``finally`` runs, timers and sockets are gone, peers see a reset."""
        host = self.network.hosts[name]
        life = host.life
        if life is None or life.state == DEAD:
            return
        life.state = DEAD
        host.graveyard.append(life)
        for port in life.listeners:
            self.network.listeners.pop((host.ip, port), None)
        for endpoint in list(life.endpoints):
            endpoint.vanish()

    def pause(self, name: str) -> None:
        """SIGSTOP: the host's callbacks wait; its kernel still accepts connections and data."""
        life = self.network.hosts[name].life
        if life is not None and life.state == RUNNING:
            life.state = PAUSED

    def resume(self, name: str) -> None:
        """SIGCONT: what waited runs now, in order."""
        life = self.network.hosts[name].life
        if life is not None and life.state == PAUSED:
            life.state = RUNNING
            self.loop._ready.extend(life.deferred)
            life.deferred.clear()

    # -- running

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        """Runs a coroutine outside of every host until it returns; its result."""
        loop = self.loop
        traveller = time_machine.travel(self.epoch, tick=False)
        coordinates = traveller.start()
        shown_ns = 0

        def jump(now: float) -> None:
            nonlocal shown_ns
            target = int(now * 1e9)
            coordinates.shift((target - shown_ns) / 1e9)
            shown_ns = target

        loop.on_jump = jump
        events.set_event_loop(loop)
        was_enabled = gc.isenabled()
        gc.disable()  # cycles of dead tasks must not be finalised at a moment that depends on the heap
        try:
            return loop.run_until_complete(main)
        finally:
            traveller.stop()
            self._discard()
            events.set_event_loop(None)
            if was_enabled:
                gc.enable()

    def _discard(self) -> None:
        """Ends a world: what is pending is dropped, not run."""
        for task in list(_tasks_of(self.loop)):
            task._log_destroy_pending = False
        self.loop._ready.clear()
        self.loop._heap.clear()
        self.loop._selector = None  # type: ignore[attr-defined]
        self.loop.close()


def _tasks_of(loop: SimLoop) -> set[Any]:
    import asyncio

    return asyncio.all_tasks(loop)
