"""A simulated world: a loop, a network, its hosts, and wall time that follows virtual time."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import copy_context
from typing import Any, TypeVar

from harness.sim.ambience import virtual_ambience
from harness.sim.hosts import DEAD, LIFE, PAUSED, RUNNING, Host, HostClock, HostDown, Life
from harness.sim.loop import SimLoop, VirtualDeadlock, VirtualLivelock
from harness.sim.network import Network

#: Starts a host's process: called in the host's context, again after each restart.
Boot = Callable[[], Coroutine[Any, Any, None]]
T = TypeVar("T")
_CLOSE_ATTEMPTS = 50


class Interrupted(Exception):
    """The world ended early: `World.interrupt` was called, and the main coroutine did not return a result."""


class World:
    """Hosts on a virtual network.

    ``epoch`` is the wall time (seconds since 1970) at virtual time 0; ``seed`` keys every draw.

    >>> world = World(epoch=1_357_000_000.0, seed=7)
    >>> async def main():
    ...     await asyncio.sleep(3600)
    ...     return world.loop.now
    >>> world.run(main())
    3600.0
    """

    def __init__(self, *, epoch: float, seed: int) -> None:
        self.epoch = epoch
        self.seed = seed
        self.loop = SimLoop()
        self.network = Network(self.loop, seed)
        self.loop.network = self.network
        self.loop.on_exit = lambda life: self.kill(life.host.name)
        #: Why the run is to end early; None while nobody asked for it.
        self.interrupted: str | None = None
        self._boots: dict[str, Boot] = {}
        self._main: asyncio.Task[Any] | None = None
        self._forked = False

    def clock(self, name: str) -> HostClock:
        """The wall clock of a host."""
        return HostClock(self.loop, self.epoch, self._host(name))

    def add_host(self, name: str, boot: Boot | None = None) -> Host:
        """A host; ``boot`` is what runs on it whenever it starts."""
        host = self.network.add_host(name)
        if boot is not None:
            self._boots[name] = boot
        return host

    def _host(self, name: str) -> Host:
        try:
            return self.network.hosts[name]
        except KeyError:
            known = ", ".join(self.network.hosts)
            raise ValueError(f"unknown host {name!r}; hosts: {known or 'none, add one with add_host'}") from None

    # -- what happens to hosts; each is idempotent

    async def start(self, name: str) -> None:
        """Boots a host that is down; returns when its boot coroutine has returned, or when the host was killed.

        What the boot coroutine raises is raised here, and leaves the host running without it.
        """
        host = self._host(name)
        if host.state != "down":
            return
        host.life = life = Life(host)
        if name not in self._boots:
            return
        task = self.spawn(name, self._boots[name]())
        over: asyncio.Future[None] = self.loop.create_future()

        def finish(*_: Any) -> None:
            if not over.done():
                over.set_result(None)

        task.add_done_callback(finish)
        life.on_death.append(finish)
        try:
            await over
        finally:
            life.on_death.remove(finish)
        if task.done():
            task.result()

    def spawn(self, name: str, coro: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Runs a coroutine as a process of the host. If the host is killed, the task never ends."""
        host = self._host(name)
        if host.state == "down":
            coro.close()
            raise HostDown(f"host {name!r} is down: await World.start({name!r}) first")
        context = copy_context()
        context.run(LIFE.set, host.life)
        return self.loop.create_task(coro, context=context)

    def kill(self, name: str) -> None:
        """SIGKILL: no ``finally`` runs, timers and sockets are gone, peers see a reset.

        What the dead coroutines hold is finalised when the world has ended, and can't reach the network then.
        """
        host = self._host(name)
        life = host.life
        if life is None or life.state == DEAD:
            return
        life.state = DEAD
        life.corpses = list(life.tasks)
        host.graveyard.append(life)
        for port in life.listeners:
            self.network.listeners.pop((host.ip, port), None)
        for endpoint in list(life.endpoints):
            endpoint.vanish()
        for callback in list(life.on_death):
            callback()

    def pause(self, name: str) -> None:
        """SIGSTOP: the host's callbacks wait; its kernel still accepts connections and data."""
        life = self._host(name).life
        if life is not None and life.state == RUNNING:
            life.state = PAUSED

    def resume(self, name: str) -> None:
        """SIGCONT: what waited runs now, in order."""
        life = self._host(name).life
        if life is not None and life.state == PAUSED:
            life.state = RUNNING
            self.loop._ready.extend(life.deferred)
            life.deferred.clear()

    # -- running

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine outside of every host until it returns; its result. A world runs once.

        If the run must end early (`interrupt`, Ctrl-C, a virtual deadlock), ``main`` is cancelled, so that its
        ``finally`` can revert what it did, in virtual time; then `Interrupted`, `KeyboardInterrupt` or
        `VirtualDeadlock` is raised. Whatever happens, the process is left as it was.
        """
        if self.loop.is_closed() or _loop_is_running():
            main.close()
            reason = "it has run already" if self.loop.is_closed() else "another event loop is running"
            raise RuntimeError(f"this world can't run: {reason}")
        with virtual_ambience(self.loop, epoch=self.epoch, seed=self.seed):
            try:
                task: asyncio.Task[T] = self.network.context.run(self.loop.create_task, main)
                self._main = task
                return self._drive(task)
            finally:
                if not self._forked:
                    self._discard()

    def forked(self) -> None:
        """To be called in a process that was forked within a run, so that the run goes on there too.

        asyncio takes a loop that runs in another process for none. The process is expected to end with the run: what
        is pending then is left alone.
        """
        asyncio._set_running_loop(self.loop)
        self._forked = True

    def interrupt(self, reason: str) -> None:
        """Ends the run early; safe to call from a signal handler.

        The first call cancels the main coroutine once, and gives it all the virtual time it needs to revert. A second
        call ends the run at once.
        """
        first, self.interrupted = self.interrupted is None, reason
        if self._main is not None and not self._main.done():
            action = self._cancel_main if first else self.loop.stop
            self.loop.call_soon(action, context=self.network.context)

    def _cancel_main(self) -> None:
        assert self._main is not None
        self._main.cancel(self.interrupted)

    def _drive(self, main: asyncio.Task[T]) -> T:
        loop = self.loop
        if self.interrupted is not None:
            self._cancel_main()
        try:
            result: T = loop.run_until_complete(main)
            return result
        except (KeyboardInterrupt, SystemExit, VirtualDeadlock, VirtualLivelock) as error:
            if not main.done():
                self.interrupt(type(error).__name__)
                # If the revert gets stuck too, the first error is the one to tell.
                with suppress(asyncio.CancelledError, RuntimeError):
                    loop.run_until_complete(main)
            raise
        except asyncio.CancelledError:
            if self.interrupted is None:
                raise
            raise Interrupted(self.interrupted) from None
        except RuntimeError:
            if main.done() or self.interrupted is None:
                raise
            raise Interrupted(f"{self.interrupted} (at once: the main coroutine did not finish)") from None

    def _discard(self) -> None:
        """Ends a world: every host is dead, and what was pending is finalised here and now, where it reaches nobody.

        Left to the garbage collector, it would be finalised in the middle of something else.
        """
        loop = self.loop
        for host in self.network.hosts.values():
            if host.life is not None:
                host.life.state = DEAD
        self._main = None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sessions and coroutines that nobody closed: their processes were killed
            for task in sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name()):
                _finalise(task)
            self._forget()
            loop._ready.clear()
            loop._heap.clear()
            loop.close()
            gc.collect()

    def _forget(self) -> None:
        """Lets go of what the lives held."""
        network = self.network
        network.listeners.clear()
        for link in network.links.values():
            link.connections.clear()
        for host in network.hosts.values():
            host.life = None
            host.graveyard.clear()


def _finalise(task: asyncio.Task[Any]) -> None:
    """Closes the coroutine of a task that never ends; each await in a ``finally`` takes one more attempt."""
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    coro: Any = task.get_coro()
    for _ in range(_CLOSE_ATTEMPTS):
        try:
            coro.close()
        except Exception:  # whatever a dying process's clean-up raises, it has no process to report to
            continue
        return


def _loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
