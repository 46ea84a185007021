"""Processes that faults kill and freeze, several at a time: the same rules on every backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from harness.targets.reference.holds import DOWN, STILL, Holds

__all__ = ["ABSENT", "DEAD", "PAUSED", "RUNNING", "Hands", "Processes"]

#: What a process does; a deployment may lack it altogether.
RUNNING, PAUSED, DEAD, ABSENT = "running", "paused", "dead", "absent"


class Hands(Protocol):
    """What a backend can do to a process by its name."""

    async def state_of(self, name: str) -> str:
        """One of `RUNNING`, `PAUSED`, `DEAD` and `ABSENT`."""
        ...

    async def end(self, name: str) -> bool:
        """SIGKILL; whether there was anything to kill."""
        ...

    async def begin(self, name: str) -> None:
        """Starts a process that is dead, as the deployment would."""
        ...

    async def begin_anew(self, name: str) -> None:
        """Ends a process, whatever its state, and starts it again."""
        ...

    async def freeze(self, name: str) -> bool:
        """SIGSTOP; whether it stands still now."""
        ...

    async def thaw(self, name: str) -> None:
        """SIGCONT; nothing happens to a process that does not stand still."""
        ...

    async def forget(self, name: str) -> None:
        """A store that is dead loses what it must remember: it comes back without."""
        ...


class Processes:
    """A process is down, or stands still, until the last fault that wants it so has ended.

    ``acted`` is told of a fault that has done something to a process, ``found`` of those by whose doing it is from now
    on as they found it. What the deployment itself starts again meanwhile is left alone.
    """

    def __init__(
        self, hands: Hands, acted: Callable[[str], object], found: Callable[[Sequence[str]], object], holds: Holds
    ) -> None:
        self._hands = hands
        self._acted = acted
        self._found = found
        self._holds = holds

    async def kill(self, fault_id: str, name: str) -> None:
        """A fault kills it, and wants it dead until `start`."""
        self._holds.take(DOWN, name, fault_id)
        if await self._hands.state_of(name) in (RUNNING, PAUSED) and await self._hands.end(name):
            self._acted(fault_id)

    async def start(self, fault_id: str, name: str, *, empty: bool = False) -> None:
        """It is started again if it is dead and nobody else wants it so; with ``empty`` it has lost its data then."""
        others = self._holds.let_go(DOWN, name, fault_id)
        if await self._hands.state_of(name) != DEAD:
            return
        if empty:
            await self._hands.forget(name)
        if others:
            self._found(others)
            return
        await self._hands.begin(name)
        await self._keep_still(name)

    async def pause(self, fault_id: str, name: str) -> None:
        """A fault makes it stand still, until `resume`."""
        self._holds.take(STILL, name, fault_id)
        if await self._hands.state_of(name) == RUNNING and await self._hands.freeze(name):
            self._acted(fault_id)

    async def resume(self, fault_id: str, name: str) -> None:
        """It goes on if nobody else wants it to stand still."""
        others = self._holds.let_go(STILL, name, fault_id)
        if not others:
            await self._hands.thaw(name)
        elif await self._hands.state_of(name) == PAUSED:
            self._found(others)

    async def start_anew(self, name: str) -> None:
        """To import what is there now; one that faults keep down does so when it comes back."""
        state = await self._hands.state_of(name)
        if state == ABSENT or (state == DEAD and self._holds.held(DOWN, name)):
            return
        await self._hands.begin_anew(name)
        await self._keep_still(name)

    async def _keep_still(self, name: str) -> None:
        """A process that a fault has brought back stands still where others want it so."""
        still = self._holds.held(STILL, name)
        if still and await self._hands.freeze(name):
            self._found(still)
