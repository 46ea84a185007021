"""An asyncio event loop on virtual time: nothing waits, the clock jumps to the next timer."""

from __future__ import annotations

import asyncio
import gc
import heapq
import math
import socket
from asyncio import base_events, events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.sim.hosts import LIFE, Life
from harness.sim.waiting import describe_tasks

if TYPE_CHECKING:
    from harness.sim.network import Network

#: Cancelled timers (every satisfied time-out leaves one) are swept once they outnumber the live ones.
_SWEEP_AT = 512
#: Rounds of callbacks at one instant after which the loop is taken to spin (``while not ready: await sleep(0)``).
_SPIN_LIMIT = 1_000_000
#: Virtual seconds between collections of cyclic garbage: at a time of the run's own, not when the process likes.
_COLLECT_EVERY_S = 1800.0
#: Kept errors of the services' own; a crash loop must not fill the memory.
_ERRORS_KEPT = 1000


class VirtualDeadlock(RuntimeError):
    """Nothing is ready and no timer is set: every task waits for something that can't happen."""


class VirtualLivelock(RuntimeError):
    """Callbacks go on and on at one instant: somebody waits for time to pass without a timer."""


@dataclass(frozen=True, slots=True)
class LoopError:
    """An exception that nobody caught, as asyncio's exception handler got it."""

    t: float
    host: str
    message: str
    exception: BaseException | None


class _Handle(events.Handle):
    """A callback that knows in which life it was scheduled; leaner than asyncio's (no debug mode)."""

    __slots__ = ("life",)

    def __init__(self, callback: Any, args: Any, loop: SimLoop, context: Context | None) -> None:
        if context is None:
            context = copy_context()
        self._context = context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None
        self.life: Life | None = context.get(LIFE)


class _TimerHandle(events.TimerHandle):
    __slots__ = ("life",)

    def __init__(self, when: float, callback: Any, args: Any, loop: SimLoop, context: Context | None) -> None:
        if context is None:
            context = copy_context()
        self._context = context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None
        self._when = when
        self._scheduled = True
        self.life: Life | None = context.get(LIFE)

    def cancel(self) -> None:
        if not self._cancelled:
            self._cancelled = True
            self._callback = None
            self._args = ()
            if self._scheduled:
                self._loop._timer_handle_cancelled(self)


class SimLoop(base_events.BaseEventLoop):
    """Virtual time starts at 0 and moves only when nothing is ready. Equal times run first-in-first-out.

    Sockets are those of `harness.sim.network.Network`; threads and executors run inline, so that a run is a
    function of its inputs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._ready: deque[Any]  # the base class's
        self.network: Network | None = None
        self.errors: list[LoopError] = []
        self.spin_limit = _SPIN_LIMIT
        #: Called with the life whose code raised `SystemExit`: the end of a process, not of the world.
        self.on_exit: Callable[[Life], None] | None = None
        #: Asked before time moves, with now and the time of the next timer: how far it may move. It may block, and may
        #: call `call_soon`, to keep step with something outside; None: as fast as it goes.
        self.pace: Callable[[float, float], float] | None = None
        self._clock_resolution = 1e-9
        self._heap: list[tuple[float, int, _TimerHandle]] = []
        self._counter = 0
        self._cancelled = 0
        self._spins = 0
        self._collect_at = _COLLECT_EVERY_S
        self.set_exception_handler(self._record_error)

    def __del__(self, *_: Any) -> None:
        """A world that never ran holds no OS resources: nothing to warn of."""

    @staticmethod
    def _record_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        assert isinstance(loop, SimLoop)
        life = LIFE.get()
        if len(loop.errors) < _ERRORS_KEPT:
            host = life.host.name if life is not None else ""
            loop.errors.append(LoopError(loop.now, host, context.get("message", ""), context.get("exception")))

    # -- time and scheduling

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self.now

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """As asyncio's; the callback belongs to the life in its context."""
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """There are no threads: the same as `call_soon`."""
        return self.call_soon(callback, *args, context=context)

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As asyncio's, in virtual seconds."""
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As asyncio's, but first-in-first-out for equal times."""
        handle = _TimerHandle(when, callback, args, self, context)
        self._counter += 1
        heapq.heappush(self._heap, (when, self._counter, handle))
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self._cancelled += 1
        if self._cancelled > _SWEEP_AT and self._cancelled * 2 > len(self._heap):
            self._heap[:] = [entry for entry in self._heap if not entry[2]._cancelled]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, Any],
        *,
        name: str | None = None,
        context: Context | None = None,
        **options: Any,
    ) -> asyncio.Task[Any]:
        """As asyncio's. A task is named after its host and coroutine, never by a global counter."""
        life = context.get(LIFE) if context is not None else LIFE.get()
        if name is None:
            name = getattr(coro, "__qualname__", "task")
        if life is None:
            return asyncio.Task(coro, loop=self, name=name, context=context, **options)
        name = f"{life.host.name}:{name}"
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name, context=context, **options)
        life.tasks.add(task)
        return task

    def _run_once(self) -> None:
        ready = self._ready
        heap = self._heap
        if not ready:
            self._jump()
        else:
            self._spins += 1
            if self._spins > self.spin_limit:
                self._report_spinning()
        now = self.now
        while heap and heap[0][0] <= now:
            timer = heapq.heappop(heap)[2]
            timer._scheduled = False
            if timer._cancelled:
                self._cancelled -= 1
            else:
                ready.append(timer)
        for _ in range(len(ready)):
            handle: Any = ready.popleft()
            if handle._cancelled:
                continue
            life = handle.life
            if life is not None and life.state:
                life.deferred.append(handle)
                continue
            try:
                handle._context.run(handle._callback, *handle._args)
            except KeyboardInterrupt:
                raise
            except SystemExit:
                if life is None or self.on_exit is None:
                    raise
                self.on_exit(life)
            except BaseException as error:  # as asyncio's own loop does with a failed callback
                context = {"message": f"Exception in callback {handle._callback!r}", "exception": error}
                handle._context.run(self.call_exception_handler, context)

    def _jump(self) -> None:
        """Moves time to the next timer."""
        heap = self._heap
        while heap and heap[0][2]._cancelled:
            heapq.heappop(heap)
            self._cancelled -= 1
        if not heap or heap[0][0] == math.inf:
            raise VirtualDeadlock(
                f"virtual deadlock at t={self.now:.3f} s: no callback is ready and no timer is set; "
                f"these wait for what nobody will send\n{describe_tasks(self)}"
            )
        then = heap[0][0] if self.pace is None else self.pace(self.now, heap[0][0])
        if then > self.now:
            self.now = then
            self._spins = 0
            if self.now >= self._collect_at:
                self._collect_at = self.now + _COLLECT_EVERY_S
                gc.collect(1)

    def _report_spinning(self) -> None:
        self._spins = 0
        raise VirtualLivelock(
            f"virtual livelock at t={self.now:.3f} s: {self.spin_limit} rounds of callbacks and time stands "
            f"still; somebody waits with sleep(0) instead of a timer\n{describe_tasks(self)}"
        )

    # -- what the base class expects of a real loop

    def _process_events(self, event_list: object) -> None:
        """There are no OS events."""

    def _write_to_self(self) -> None:
        """Nothing sleeps, so there is nobody to wake."""

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Runs inline: threads would make the run depend on the machine."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """No executor is ever made."""

    def add_signal_handler(  # type: ignore[override]
        self, sig: int, callback: Callable[..., Any], *args: Any
    ) -> None:
        """Refused: signals belong to the runner, which may call `World.interrupt`."""
        raise NotImplementedError("signals are handled outside of the simulated world")

    # -- the network

    def _net(self) -> Network:
        if self.network is None:
            raise RuntimeError("this loop has no network; make it through harness.sim.World")
        return self.network

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> list[Any]:
        """Names of hosts resolve to their virtual addresses; others raise `socket.gaierror`."""
        ip = self._net().resolve(host)
        if family == socket.AF_INET6:
            raise socket.gaierror(socket.EAI_NONAME, f"the virtual network is IPv4 only: {host!r}")
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (ip, int(port or 0)))]

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """The numeric form: the virtual network has no reverse look-up."""
        return str(sockaddr[0]), str(sockaddr[1])

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connects an OS socket (aiohttp makes one) in name only; `create_connection` takes it over."""
        net = self._net()
        sock.close()  # its descriptor is never needed, and the process that owns it may be killed
        ip = net.resolve(address[0])
        await net.handshake(ip, address[1])
        net.pending[sock] = (ip, address[1])

    async def create_connection(
        self,
        protocol_factory: Callable[[], Any],
        host: Any = None,
        port: Any = None,
        *,
        ssl: Any = None,
        sock: Any = None,
        **_: Any,
    ) -> tuple[Any, Any]:
        """A connection over the virtual network; TLS is not simulated."""
        if ssl:
            raise ValueError("the virtual network carries no TLS: use http:// and redis:// in the simulator")
        net = self._net()
        if sock is not None:
            try:
                ip, port = net.pending.pop(sock)
            except KeyError:
                raise ValueError("create_connection(sock=) needs a socket that went through sock_connect") from None
        else:
            ip = net.resolve(host)
            await net.handshake(ip, int(port))
        return net.establish(protocol_factory, ip, int(port))

    async def create_server(
        self, protocol_factory: Callable[[], Any], host: Any = None, port: Any = None, **_: Any
    ) -> Any:
        """Listens on a port of the host in whose context it is called."""
        return self._net().listen(protocol_factory, int(port or 0))
