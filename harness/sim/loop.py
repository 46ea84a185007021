"""An asyncio event loop on virtual time: nothing waits, the clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import heapq
import socket
from asyncio import base_events, events
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import TYPE_CHECKING, Any

from harness.sim.hosts import DEAD, LIFE, PAUSED, Life

if TYPE_CHECKING:
    from harness.sim.network import Network

#: Cancelled timers (every satisfied time-out leaves one) are swept once they outnumber the live ones.
_SWEEP_AT = 512


class VirtualDeadlock(RuntimeError):
    """Nothing is ready and no timer is set: every task waits for something that can't happen."""


class _Handle(events.Handle):
    """A callback that remembers in which life it was scheduled."""

    __slots__ = ("life",)
    life: Life | None


class _TimerHandle(events.TimerHandle):
    __slots__ = ("life",)
    life: Life | None


class SimLoop(base_events.BaseEventLoop):
    """Virtual time starts at 0 and moves only when nothing is ready. Equal times run first-in-first-out.

    Sockets are those of `harness.sim.network.Network`; threads and executors run inline, so that a run is a
    function of its inputs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.network: Network | None = None
        self.on_jump: Callable[[float], None] | None = None
        self.errors: list[dict[str, Any]] = []
        self._clock_resolution = 1e-9
        self._heap: list[tuple[float, int, _TimerHandle]] = []
        self._counter = 0
        self._cancelled = 0
        self.set_exception_handler(self._record_error)

    @staticmethod
    def _record_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        assert isinstance(loop, SimLoop)
        loop.errors.append(context)

    # -- time and scheduling

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self.now

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:
        """As asyncio's; the callback belongs to the life in its context."""
        handle = _Handle(callback, args, self, context)
        handle.life = handle._context.get(LIFE)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Context | None = None) -> asyncio.Handle:
        """There are no threads: the same as `call_soon`."""
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As asyncio's, in virtual seconds."""
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> asyncio.TimerHandle:
        """As asyncio's, but first-in-first-out for equal times."""
        handle = _TimerHandle(when, callback, args, self, context)
        handle.life = handle._context.get(LIFE)
        handle._scheduled = True
        self._counter += 1
        heapq.heappush(self._heap, (when, self._counter, handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self._cancelled += 1
        if self._cancelled > _SWEEP_AT and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if not entry[2]._cancelled]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def create_task(
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        """As asyncio's. Tasks get numbered names by host, never by address or global counter."""
        return asyncio.Task(coro, loop=self, name=name or "task", context=context)

    def _run_once(self) -> None:
        ready = self._ready
        if not ready:
            heap = self._heap
            while heap and heap[0][2]._cancelled:
                heapq.heappop(heap)
                self._cancelled -= 1
            if not heap:
                raise VirtualDeadlock(
                    f"virtual deadlock at t={self.now:.3f} s: no callback is ready and no timer is set; "
                    "some task waits for an event that nobody will send"
                )
            when = heap[0][0]
            if when > self.now:
                self.now = when
                if self.on_jump is not None:
                    self.on_jump(when)
            now = self.now
            while heap and heap[0][0] <= now:
                handle = heapq.heappop(heap)[2]
                handle._scheduled = False
                if handle._cancelled:
                    self._cancelled -= 1
                else:
                    ready.append(handle)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            life = handle.life
            if life is not None and life.state:
                if life.state == PAUSED:
                    life.deferred.append(handle)
                elif life.state == DEAD:
                    life.deferred.append(handle)  # kept, so that nothing of the dead is finalised in mid-run
                continue
            handle._run()

    # -- what the base class expects of a real loop

    def _process_events(self, event_list: object) -> None:
        """There are no OS events."""

    def _write_to_self(self) -> None:
        """Nothing sleeps, so there is nobody to wake."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Runs inline: threads would make the run depend on the machine."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """No executor is ever made."""

    def add_signal_handler(self, sig: int, callback: Callable[..., Any], *args: Any) -> None:
        """Signals belong to the runner, outside of virtual time."""
        raise NotImplementedError("signals are handled outside of the simulated world")

    # -- the network

    def _net(self) -> Network:
        if self.network is None:
            raise RuntimeError("this loop has no network; make it through harness.sim.World")
        return self.network

    async def getaddrinfo(  # type: ignore[override]
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:
        """Names of hosts resolve to their virtual addresses; others raise `socket.gaierror`."""
        ip = self._net().resolve(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (ip, int(port or 0)))]

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Remembers where an OS socket (aiohttp makes one) would have gone."""
        await self._net().probe(address[0], address[1])
        self._net().pending[sock] = (address[0], address[1])

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], Any], host: Any = None, port: Any = None, *, sock: Any = None, **_: Any
    ) -> tuple[Any, Any]:
        """A connection over the virtual network."""
        net = self._net()
        if sock is not None:
            host, port = net.pending.pop(sock)
            sock.close()
        return await net.connect(protocol_factory, net.resolve(host), int(port))

    async def create_server(  # type: ignore[override]
        self, protocol_factory: Callable[[], Any], host: Any = None, port: Any = None, **_: Any
    ) -> Any:
        """Listens on a port of the host in whose context it is called."""
        return self._net().listen(protocol_factory, int(port))
