"""The data plane's own readiness loop, inside an asyncio loop.

asyncio's cost for each ready socket (a handle, a context, a look-up) is more than that of a recv and a send. Here all
proxied sockets live in one epoll of their own, of which asyncio watches the single descriptor. They are served in
bounded batches and slices of time: whatever they do, the loop's other work (the control API) gets its turn.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import select
from collections.abc import Callable
from itertools import count

from chaos.network.poller import ERROR, HANG_UP, IN, OUT, Poller, make_poller

__all__ = ["BUFFER_BYTES", "GONE", "IN", "OUT", "Handler", "Reactor", "Timer"]

#: Called with the events of a descriptor. They are hints: one may be stale, so a handler asks the socket itself.
Handler = Callable[[int], None]

#: An error or a hang-up: reported even if nothing is asked for.
GONE = ERROR | HANG_UP

_BATCH = 256
#: How long sockets are served before the rest of the loop has its turn.
_SLICE_S = 0.003
#: asyncio rounds its waits up to whole milliseconds: it is woken this much early, and the rest is waited for here.
_EARLY_S = 0.0012
#: How long to linger for more after sockets were ready: an answer comes sooner than the loop could go round.
_LINGER_S = 0.001
#: For how long of that to look again and again instead of sleeping, since to be woken costs more than some empty looks:
#: longer while it pays, hardly at all while it doesn't, so that sparse traffic costs no processor time.
_SPIN_MIN_S, _SPIN_MAX_S = 0.0000125, 0.0002
#: The finest wait worth making.
_EXACT_S = 0.00002
#: What a handler may read into: one buffer for all, since nothing is kept in it between two calls.
BUFFER_BYTES = 256 * 1024


class Timer:
    """A call that is due at a time; `Reactor.cancel` takes it back."""

    __slots__ = ("callback", "due")

    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self.callback: Callable[[], None] | None = callback


class Reactor:
    """Calls handlers of ready descriptors, and timers to a fraction of a millisecond.

    ``now`` is the loop's clock in seconds. Everything runs in the loop's thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, poller: Poller | None = None) -> None:
        self.loop = loop
        self.now = loop.time
        self.buffer = bytearray(BUFFER_BYTES)
        self.view = memoryview(self.buffer)
        self._poller = poller or make_poller()
        self._handlers: dict[int, Handler] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._serial = count()
        self._cancelled = 0
        self._wake: asyncio.TimerHandle | None = None
        self._wake_at = math.inf
        self._spin_s = _SPIN_MIN_S
        loop.add_reader(self._poller.fileno(), self._run)

    def close(self) -> None:
        """Forget everything; the sockets are their owners' to close."""
        self.loop.remove_reader(self._poller.fileno())
        if self._wake is not None:
            self._wake.cancel()
        self._poller.close()
        self._handlers.clear()
        self._timers.clear()

    # -- descriptors

    def watch(self, fd: int, events: int, handler: Handler) -> None:
        """Call ``handler`` when ``fd`` has any of ``events``, an error or a hang-up."""
        if fd in self._handlers:
            self._poller.modify(fd, events)
        else:
            self._poller.register(fd, events)
        self._handlers[fd] = handler

    def unwatch(self, fd: int) -> None:
        """No longer. To be called before ``fd`` is closed."""
        if self._handlers.pop(fd, None) is not None:
            self._poller.unregister(fd)

    # -- timers

    def at(self, due: float, callback: Callable[[], None]) -> Timer:
        """Call at a time of the loop's clock."""
        timer = Timer(due, callback)
        heapq.heappush(self._timers, (due, next(self._serial), timer))
        self._arm()
        return timer

    def cancel(self, timer: Timer) -> None:
        """Take a timer back; what it holds on to is let go."""
        if timer.callback is None:
            return
        timer.callback = None
        self._cancelled += 1
        if self._cancelled > 64 and self._cancelled * 2 > len(self._timers):
            self._timers = [entry for entry in self._timers if entry[2].callback is not None]
            heapq.heapify(self._timers)
            self._cancelled = 0

    # -- the loop

    def _run(self) -> None:
        """Serve what is ready and due, for a slice of time."""
        now = self.now
        until = now() + _SLICE_S
        poll, handlers = self._poller.poll, self._handlers
        lingers = False
        try:
            while True:
                ready = poll(0, _BATCH) or (self._linger() if lingers else ())
                for fd, events in ready:
                    handler = handlers.get(fd)
                    if handler is not None:
                        try:
                            handler(events)
                        except Exception as error:  # the boundary: a defect costs one connection, not all
                            self._report(error)
                            self.unwatch(fd)
                moment = now()
                left = self._timers[0][0] - moment if self._timers else math.inf
                if left <= 0:
                    self._fire(moment, until)
                elif not ready and not self._wait(left):
                    break
                if moment >= until:
                    break
                lingers = bool(ready) and left > _EARLY_S
        finally:
            self._arm()

    def _linger(self) -> list[tuple[int, int]]:
        """What is ready within a millisecond: at first it is looked for, then waited for."""
        poll, now = self._poller.poll, self.now
        start = now()
        spin_until = start + self._spin_s
        ready = poll(0, _BATCH)
        while not ready and now() < spin_until:
            ready = poll(0, _BATCH)
        if not ready:
            ready = poll(_LINGER_S, _BATCH)
        if ready and now() - start < _SPIN_MAX_S:
            self._spin_s = min(self._spin_s * 2, _SPIN_MAX_S)
        else:
            self._spin_s = max(self._spin_s / 4, _SPIN_MIN_S)
        return ready

    def _fire(self, moment: float, until: float) -> None:
        timers = self._timers
        while timers and timers[0][0] <= moment:
            timer = heapq.heappop(timers)[2]
            callback, timer.callback = timer.callback, None
            if callback is None:
                self._cancelled -= 1
                continue
            try:
                callback()
            except Exception as error:  # the boundary, as for descriptors
                self._report(error)
            timers = self._timers  # a callback may have swept them
            if self.now() >= until:
                return

    def _report(self, error: Exception) -> None:
        self.loop.call_exception_handler({"message": "a proxied connection failed", "exception": error})

    def _wait(self, left: float) -> bool:
        """Wait exactly for a timer that is due very soon; False if there is none."""
        if left > _EARLY_S or self._poller.fileno() >= 1024:  # more than select() can watch
            return False
        if left > _EXACT_S:
            select.select([self._poller], [], [], left)
        return True

    def _arm(self) -> None:
        """Let the loop call back for the next timer."""
        due = self._timers[0][0] if self._timers else math.inf
        early = due - _EARLY_S
        if self._wake is not None:
            if self._wake_at <= early:
                return  # it comes in time, and arms itself anew
            self._wake.cancel()
            self._wake = None
        if due != math.inf:
            self._wake_at = early
            self._wake = self.loop.call_at(early, self._on_wake)

    def _on_wake(self) -> None:
        self._wake = None
        self._run()
