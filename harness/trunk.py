"""Runs a control once, and branches each treatment off it at the moment when its first fault begins.

Until then a treatment is its control, to the byte: there is no need to compute it again. A branch is a forked process
that takes over the whole simulated world.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.journal import JournalWriter
from harness.runner import HORIZON, INTERRUPTED, UNSTEADY, Conductor, first_act_s, steady_state
from harness.targets.base import Arm, Interrupt, Stage

__all__ = ["Tape", "Trunk"]


class Tape:
    """The recorder of a stage that may branch: keeps what was recorded, and carries on in a branch's own journal."""

    def __init__(self, writer: JournalWriter, arm: Arm, clock: Callable[[], float]) -> None:
        self._writer = writer
        self._arm_id = arm.arm_id
        self._clock = clock
        self._kept: list[tuple[float, str | None, str, Mapping[str, Any]]] = []
        self.branch: Arm | None = None

    def write(self, kind: str, fields: Mapping[str, Any], durable: bool = False) -> None:
        """Appends an event, now."""
        now = self._clock()
        if self.branch is None:
            self._kept.append((now, None, kind, dict(fields)))
        self._put(now, kind, fields, durable)

    def note(self, arm_id: str, kind: str, fields: Mapping[str, Any]) -> None:
        """Keeps an event for one branch alone."""
        self._kept.append((self._clock(), arm_id, kind, fields))

    def become(self, arm: Arm, writer: JournalWriter) -> None:
        """From now on this is the tape of a branch: its journal begins with all that was kept."""
        self._writer, self._arm_id, self.branch = writer, arm.arm_id, arm
        self._put(0.0, "arm.start", arm.start_fields(), False)
        for at, owner, kind, fields in self._kept:
            if kind != "arm.start" and owner in (None, arm.arm_id):
                self._put(at, kind, fields, False)
        self._kept = []

    def _put(self, at: float, kind: str, fields: Mapping[str, Any], durable: bool) -> None:
        self._writer.write({**fields, "arm": self._arm_id, "t": at, "kind": kind}, durable)


class Trunk:
    """A control with the treatments that branch off it.

    ``fork`` is called with an arm; it returns True in the process that is to go on as that arm. Without ``to_end`` the
    control itself is of no interest, and ends with its last branch.
    """

    def __init__(
        self,
        control: Arm,
        branches: Sequence[Arm],
        stage: Stage,
        tape: Tape,
        interrupt: Interrupt,
        *,
        fork: Callable[[Arm], bool],
        to_end: bool,
    ) -> None:
        self._control = control
        self._branches = sorted(branches, key=_moment)
        self._stage = stage
        self._tape = tape
        self._interrupt = interrupt
        self._fork = fork
        self._to_end = to_end
        self._wake = asyncio.Event()

    async def run(self) -> str:
        """Runs the trunk, or, in a forked process, the branch; the reason of its end."""
        self._interrupt.attach(self._wake.set)
        self._tape.write("arm.start", self._control.start_fields())
        await self._stage.deploy()
        reason = await self._grow()
        if self._tape.branch is None:
            self._tape.write("arm.end", {"reason": reason}, durable=True)
        return reason

    async def _grow(self) -> str:
        if not await self._until(self._control.warmup_s):
            return INTERRUPTED
        unsteady = [arm for arm in self._branches if not self._is_steady(arm)]
        for arm in unsteady:
            if self._fork(arm):
                self._tape.write("arm.end", {"reason": UNSTEADY}, durable=True)
                return UNSTEADY
        for arm in self._branches:
            if arm in unsteady:
                continue
            if not await self._until(_moment(arm)):
                return INTERRUPTED
            if self._fork(arm):
                return await Conductor(arm, self._stage, self._tape, self._interrupt).resume()
        if self._to_end and not await self._until(self._control.end_s):
            return INTERRUPTED
        return HORIZON

    def _is_steady(self, arm: Arm) -> bool:
        assert arm.scenario is not None
        records, steady = steady_state(arm.scenario, self._stage, self._control.warmup_s)
        for kind, fields in records:
            self._tape.note(arm.arm_id, kind, fields)
        return steady

    async def _until(self, when: float) -> bool:
        """Waits for a moment (seconds since the start); False if interrupted."""
        while not self._interrupt.requested:
            wait = when - self._stage.now()
            if wait <= 0:
                return True
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), wait)
            except TimeoutError:
                continue
        return False


def _moment(arm: Arm) -> float:
    assert arm.scenario is not None
    return first_act_s(arm.scenario)
