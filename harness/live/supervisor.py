"""Starts named processes, watches them, starts some again when they die, and ends them all."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import TargetError
from harness.live.child import Child

__all__ = ["Program", "Supervisor"]

_log = logging.getLogger("harness.live")

_READY_POLL_S = 0.03
#: How long a process may take to answer after its start, and to end after SIGTERM, in seconds.
_START_WITHIN_S = 90.0
_END_WITHIN_S = 2.0
#: How much of the end of a log an error shows.
_TAIL_LINES = 5


@dataclass(frozen=True, slots=True)
class Program:
    """How a process is started, and how it is known to be up.

    ``environment`` is asked at each start. ``ready`` says whether it answers. A ``supervised`` one is started again
    after it died. ``essential`` ones are the harness's own tools: a run without them has come to an end.
    """

    name: str
    argv: Sequence[str]
    environment: Callable[[], Mapping[str, str]]
    log: Path
    folder: Path
    ready: Callable[[], Awaitable[bool]]
    supervised: bool = False
    essential: bool = False


@dataclass(slots=True)
class _Place:
    program: Program
    child: Child | None = None
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)


class Supervisor:
    """``restart_after_s`` is how long a supervised process stays dead; ``on_change`` is called when the set of
    processes has changed, ``on_crash`` with name and exit code when one has ended by itself and not well, ``on_lost``
    with the message when an essential one has died."""

    def __init__(
        self,
        *,
        restart_after_s: float,
        on_change: Callable[[], None],
        on_crash: Callable[[str, int], None],
        on_lost: Callable[[str], None],
    ) -> None:
        self._restart_after_s = restart_after_s
        self._on_change = on_change
        self._on_crash = on_crash
        self._on_lost = on_lost
        self._places: dict[str, _Place] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ending = False

    def add(self, program: Program) -> None:
        """Makes a program known; `start` runs it."""
        self._places[program.name] = _Place(program)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def child(self, name: str) -> Child | None:
        """The running process of that name; None also for a program that nobody has added."""
        child = self._places[name].child if name in self._places else None
        return child if child is not None and child.running else None

    def processes(self) -> list[dict[str, Any]]:
        """Every running process as plain data: name, pid, start_ticks, pgid."""
        return [
            {"name": name, **place.child.identity.to_json(), "pgid": place.child.pid}
            for name, place in self._places.items()
            if place.child is not None and place.child.running and place.child.identity is not None
        ]

    async def launch(self, name: str) -> Child | None:
        """Starts a program that isn't running, and returns at once: the process, None once everything has ended.

        Raises `TargetError` if it can't be started.
        """
        place = self._places[name]
        async with place.busy:
            return self._launch(place)

    def _launch(self, place: _Place) -> Child | None:
        program = place.program
        if self._ending or (place.child is not None and place.child.running):
            return place.child
        try:
            child = Child(program.argv, environment=program.environment(), log=program.log, folder=program.folder)
        except OSError as error:
            raise TargetError(f"{program.name} cannot be started: {error}") from error
        place.child = child
        self._on_change()
        self._spawn(self._follow(place, child))
        return child

    async def start(self, name: str) -> None:
        """The same, and returns when it answers. Raises `TargetError` if it dies instead."""
        child = await self.launch(name)
        if child is not None:
            await self._until_ready(self._places[name].program, child)

    async def _until_ready(self, program: Program, child: Child) -> None:
        deadline = asyncio.get_running_loop().time() + _START_WITHIN_S
        while not await program.ready():
            if not child.running:
                raise TargetError(_died(program, child.exited.result()))
            if asyncio.get_running_loop().time() > deadline:
                await child.kill()
                raise TargetError(
                    f"{program.name} does not answer {_START_WITHIN_S:g} s after its start: {program.log}"
                )
            await asyncio.sleep(_READY_POLL_S)

    async def kill(self, name: str) -> bool:
        """SIGKILL; whether there was a process, which is gone now."""
        child = self.child(name)
        if child is None:
            return False
        await child.kill()
        return True

    async def pause(self, name: str) -> bool:
        """SIGSTOP; whether it stands still now."""
        child = self.child(name)
        return child is not None and await child.stop()

    def resume(self, name: str) -> None:
        """SIGCONT."""
        child = self.child(name)
        if child is not None:
            child.signal(signal.SIGCONT)

    async def replace(self, name: str) -> Child | None:
        """Ends a process, whatever its state, and starts the program again; returns as `launch` does."""
        place = self._places[name]
        async with place.busy:
            if place.child is not None and place.child.running:
                await place.child.end(_END_WITHIN_S)
            return self._launch(place)

    async def restart(self, name: str) -> None:
        """The same, and returns when it answers. Raises `TargetError` if it dies instead."""
        child = await self.replace(name)
        if child is not None:
            await self._until_ready(self._places[name].program, child)

    async def end_all(self) -> None:
        """Kills everything, at once and for good. May be called twice."""
        self._ending = True
        for task in list(self._tasks):
            task.cancel()
        children = [place.child for place in self._places.values() if place.child is not None]
        for child in children:
            child.signal(signal.SIGKILL)
        for child in children:
            await child.exited
        self._on_change()

    async def _follow(self, place: _Place, child: Child) -> None:
        """Waits for the end of a process, and does what is to be done then."""
        code = await asyncio.shield(child.exited)
        if self._ending:
            return
        try:
            self._on_change()
        except TargetError as error:  # nobody waits for this task: whoever runs the arm must know
            self._on_lost(str(error))
            return
        program = place.program
        _log.info("%s (pid %d) ended with %s", program.name, child.pid, _how(code))
        if code > 0:
            self._on_crash(program.name, code)
        if program.essential:
            self._on_lost(_died(program, code))
        while program.supervised and place.child is child:
            await asyncio.sleep(self._restart_after_s)
            try:
                await self.start(program.name)
            except (
                TargetError
            ) as error:  # it may be a fault that keeps it from starting: whoever follows it tries again
                _log.warning("%s", error)

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _died(program: Program, code: int) -> str:
    """What became of a process, with the end of what it had to say."""
    try:
        said = program.log.read_text(errors="replace").strip().splitlines()[-_TAIL_LINES:]
    except OSError:
        said = []
    shown = "".join(f"\n  {line}" for line in said)
    return f"{program.name} ended with {_how(code)}. Its log, {program.log}, ends so:{shown or ' (it is empty)'}"


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
