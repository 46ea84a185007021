"""Hosts: what can be killed, paused, restarted and skewed.

Every callback runs in the context of a *life*, one incarnation of a host. A dead life's callbacks are dropped, its
tasks never run again (no ``finally``: that is what SIGKILL means), and what it still holds can't reach the network.
"""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.sim.loop import SimLoop
    from harness.sim.transport import Endpoint

RUNNING, PAUSED, DEAD = 0, 1, 2


class HostDown(RuntimeError):
    """Something was to run on a host that has no process: start it first."""


class Life:
    """One incarnation of a host, from start to kill."""

    __slots__ = ("corpses", "deferred", "endpoints", "host", "listeners", "on_death", "state", "tasks")

    def __init__(self, host: Host) -> None:
        self.host = host
        self.state = RUNNING
        #: Callbacks that came due while paused (they run at resume) or dead (kept, so that nothing of the dead is
        #: finalised, and runs its ``finally``, in the middle of a run).
        self.deferred: deque[asyncio.Handle] = deque()
        self.tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self.corpses: list[asyncio.Task[Any]] = []
        self.endpoints: dict[Endpoint, None] = {}
        self.listeners: dict[int, None] = {}
        self.on_death: list[Callable[[], None]] = []


#: The life whose code runs now; None outside of every host (the engine, the wires).
LIFE: ContextVar[Life | None] = ContextVar("pipequake_life", default=None)


@dataclass(eq=False)
class Host:
    """A named machine of the virtual network. ``skew_s`` is what its clock is ahead of true time; ``on_wrong_time`` is
    called when somebody reads it then."""

    name: str
    ip: str
    skew_s: float = 0.0
    on_wrong_time: Callable[[], None] | None = None
    life: Life | None = None
    graveyard: list[Life] = field(default_factory=list)

    @property
    def state(self) -> str:
        """``running``, ``paused`` or ``down``.

        >>> Host("serving", "10.0.0.1").state
        'down'
        """
        if self.life is None or self.life.state == DEAD:
            return "down"
        return "paused" if self.life.state == PAUSED else "running"


class HostClock:
    """Wall time as a host sees it: epoch of the replayed data + virtual time + the host's skew."""

    __slots__ = ("_epoch", "_host", "_loop")

    def __init__(self, loop: SimLoop, epoch: float, host: Host) -> None:
        self._loop = loop
        self._epoch = epoch
        self._host = host

    @property
    def time_scale(self) -> float:
        """Virtual time is the machine's time of a simulated host."""
        return 1.0

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        host = self._host
        if host.skew_s and host.on_wrong_time is not None:
            host.on_wrong_time()
        return self._epoch + self._loop.now + host.skew_s

    def monotonic(self) -> float:
        """Virtual seconds."""
        return self._loop.now

    async def sleep(self, seconds: float) -> None:
        """Waits in virtual time."""
        await asyncio.sleep(seconds)
