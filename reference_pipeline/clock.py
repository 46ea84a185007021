"""What the pipeline needs of a clock."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Tells wall time, and waits in it.

    Whatever a person would write on a schedule (polls, periods, ages, times to live) goes by this clock. Time-outs of
    I/O don't: a socket knows the machine's time only.
    """

    @property
    def time_scale(self) -> float:
        """How many of this clock's seconds pass in one of the machine's."""
        ...

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; they never go back, whatever happens to wall time."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits so many of this clock's seconds."""
        ...


class SystemClock:
    """The clock of the operating system."""

    time_scale = 1.0

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds of the event loop."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)


class ReplayClock:
    """Wall time of a replay: it is ``start`` (epoch seconds) until `begin`, and then runs ``time_scale`` times as fast.

    Until the replay has begun, its time stands still, and whoever sleeps in it sleeps.

    >>> clock = ReplayClock(1_370_854_800.0, time_scale=120.0)
    >>> clock.now(), clock.monotonic()
    (1370854800.0, 0.0)
    >>> clock.begin(time.time() - 30.0)
    >>> 3600.0 <= clock.monotonic() < 3700.0
    True
    """

    def __init__(self, start: float, *, time_scale: float) -> None:
        self._start = start
        self._origin: float | None = None
        self._monotonic_origin = 0.0
        self._begun = asyncio.Event()
        self._time_scale = time_scale

    @property
    def time_scale(self) -> float:
        """Seconds of the replay in one second of the machine's time."""
        return self._time_scale

    def begin(self, origin: float) -> None:
        """Sets the machine's wall time (epoch seconds) at which the replay starts, or has started."""
        self._origin = origin
        self._monotonic_origin = time.monotonic() + origin - time.time()
        self._begun.set()

    def now(self) -> float:
        """Seconds since 1970 in the replay."""
        elapsed = 0.0 if self._origin is None else max(time.time() - self._origin, 0.0)
        return self._start + elapsed * self._time_scale

    def monotonic(self) -> float:
        """Seconds of the replay since its start."""
        elapsed = 0.0 if self._origin is None else max(time.monotonic() - self._monotonic_origin, 0.0)
        return elapsed * self._time_scale

    async def sleep(self, seconds: float) -> None:
        """Waits so many seconds of the replay."""
        await self._begun.wait()
        to_come = max(self._monotonic_origin - time.monotonic(), 0.0)
        await asyncio.sleep(to_come + seconds / self._time_scale)
