"""Hosts: what can be killed, paused, restarted and skewed.

Every callback runs in the context of a *life*, one incarnation of a host. A dead life's callbacks are dropped, its
tasks never run again (no ``finally``: that is what SIGKILL means), and what it still holds can't reach the network.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.sim.loop import SimLoop

RUNNING, PAUSED, DEAD = 0, 1, 2


class Life:
    """One incarnation of a host, from start to kill."""

    __slots__ = ("deferred", "endpoints", "host", "listeners", "state", "tasks")

    def __init__(self, host: Host) -> None:
        self.host = host
        self.state = RUNNING
        self.deferred: deque[asyncio.Handle] = deque()
        self.tasks: list[asyncio.Task[Any]] = []
        self.endpoints: dict[Any, None] = {}
        self.listeners: list[int] = []


LIFE: ContextVar[Life | None] = ContextVar("pipequake_life", default=None)


@dataclass(eq=False)
class Host:
    """A named machine of the virtual network. ``skew_s`` is what its clock is ahead of true time."""

    name: str
    ip: str
    skew_s: float = 0.0
    life: Life | None = None
    graveyard: list[Life] = field(default_factory=list)

    @property
    def state(self) -> str:
        """``running``, ``paused`` or ``down``."""
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

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        return self._epoch + self._loop.now + self._host.skew_s
