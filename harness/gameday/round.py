"""One round of a gameday: a scenario that is played on a stage, on its timeline or when the facilitator says so."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from harness.errors import JournalError
from harness.journal import JournalWriter
from harness.runner import UNSTEADY, Conductor, steady_state
from harness.scenario import Scenario
from harness.targets.base import Arm, Interrupt, Stage

__all__ = ["Record", "Round", "Script"]

#: (kind, fields, t)
Record = Callable[[str, Mapping[str, Any], float], None]


class Script(Protocol):
    """What a round tells the outside."""

    def live(self, t: float) -> None:
        """The warm-up is over, and the pipeline steady: from here on people watch."""
        ...

    def recorded(self, kind: str, fields: Mapping[str, Any], t: float) -> None:
        """A line of the journal."""
        ...


class Draft:
    """The recorder of a round: keeps the journal's lines until it is known what the arm is, then writes them.

    Once the journal can't be written (a full disk), the lines are let go, so that what is applied can still be
    reverted; ``failed`` is then told why, once.
    """

    def __init__(
        self, writer: JournalWriter, script: Script, clock: Callable[[], float], failed: Callable[[str], None]
    ) -> None:
        self._writer = writer
        self._script = script
        self._clock = clock
        self._failed = failed
        self._lost = False
        self._arm: Arm | None = None
        self._kept: list[tuple[float, str, Mapping[str, Any]]] = []

    def write(self, kind: str, fields: Mapping[str, Any], durable: bool = False) -> None:
        """Appends an event, now."""
        now = self._clock()
        self._script.recorded(kind, fields, now)
        if self._arm is None:
            self._kept.append((now, kind, dict(fields)))
        else:
            self._put(self._arm.arm_id, now, kind, fields, durable)

    def begin(self, arm: Arm) -> None:
        """This is the arm: its journal begins with all that was kept."""
        self._arm = arm
        self._put(arm.arm_id, 0.0, "arm.start", arm.start_fields(), False)
        for at, kind, fields in self._kept:
            self._put(arm.arm_id, at, kind, fields, False)
        self._kept = []

    def _put(self, arm_id: str, at: float, kind: str, fields: Mapping[str, Any], durable: bool) -> None:
        if self._lost:
            return
        try:
            self._writer.write({**fields, "arm": arm_id, "t": at, "kind": kind}, durable)
        except JournalError as error:
            self._lost = True
            self._failed(str(error))


class Round:
    """Plays an arm. With ``by_hand`` its scenario waits, for as long as the arm lasts, until `inject` is called.

    ``arm.end_s`` then counts the longest wait too; the arm that is journalled is as long as the scenario's horizon
    after the wait.
    """

    def __init__(
        self, arm: Arm, stage: Stage, draft: Draft, script: Script, interrupt: Interrupt, *, by_hand: bool
    ) -> None:
        self._arm = arm
        self._stage = stage
        self._draft = draft
        self._script = script
        self._interrupt = interrupt
        self._by_hand = by_hand
        self._conductor: Conductor | None = None
        self._wake = asyncio.Event()
        self._wanted = False

    def inject(self) -> None:
        """The scenario begins now."""
        self._wanted = True
        self._wake.set()

    def call_off(self) -> None:
        """Every fault is reverted, none begins; the round goes on."""
        if self._conductor is not None:
            self._conductor.call_off()

    async def run(self) -> str:
        """Plays the round; the reason of its end."""
        self._interrupt.attach(self._wake.set)
        scenario = self._arm.scenario
        assert scenario is not None
        if not self._by_hand:
            self._draft.begin(self._arm)
        await self._stage.deploy()
        if not await self._until(self._arm.warmup_s):
            return self._ended(self._arm, self._interrupt.reason)
        records, steady = steady_state(scenario, self._stage, self._arm.warmup_s)
        for kind, fields in records:
            self._draft.write(kind, fields)
        if not steady:
            return self._ended(self._arm, UNSTEADY)
        self._script.live(self._stage.now())
        arm = self._arm
        if self._by_hand:
            latest = arm.end_s - scenario.horizon_s
            await self._until(latest, unless=lambda: self._wanted)
            if self._interrupt.requested:
                return self._ended(arm, self._interrupt.reason)
            arm = postponed(arm, self._stage.now())
            self._draft.begin(arm)
        self._conductor = Conductor(arm, self._stage, self._draft, self._interrupt)
        return await self._conductor.resume()

    def _ended(self, arm: Arm, reason: str) -> str:
        """An end before any fault."""
        if self._by_hand:
            self._draft.begin(arm)
        self._draft.write("arm.end", {"reason": reason}, durable=True)
        return reason

    async def _until(self, when: float, unless: Callable[[], bool] = lambda: False) -> bool:
        """Waits for a moment (seconds since the start); False if interrupted."""
        while not self._interrupt.requested and not unless():
            wait = when - self._stage.now()
            if wait <= 0:
                return True
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), wait / self._stage.time_scale)
            except TimeoutError:
                continue
        return not self._interrupt.requested


def postponed(arm: Arm, now: float) -> Arm:
    """The arm with its scenario moved so that its first fault begins at ``now``, and ends a horizon after that."""
    scenario = arm.scenario
    assert scenario is not None
    first = min((fault.at_s or 0.0 for fault in scenario.faults if fault.after is None), default=0.0)
    # Durations are exact to the millisecond: the next one, so that the fault really begins when the journal says.
    shift = math.ceil((now - arm.warmup_s) * 1000 - 1e-6) / 1000 - first
    faults = tuple(
        fault
        if fault.after is not None
        else fault.model_copy(update={"at_s": max(0.0, round((fault.at_s or 0.0) + shift, 3))})
        for fault in scenario.faults
    )
    moved = scenario.model_copy(update={"faults": faults, "horizon_s": round(scenario.horizon_s + shift, 3)})
    return replace(arm, scenario=Scenario.from_spec(moved.to_spec()), end_s=arm.warmup_s + moved.horizon_s)
