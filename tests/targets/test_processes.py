"""The rules for faults that overlap on a process, which all backends share."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.live.supervisor import Program, Supervisor
from harness.targets.reference.holds import Holds
from harness.targets.reference.local.driver import Children
from harness.targets.reference.processes import ABSENT, DEAD, PAUSED, RUNNING, Hands, Processes

#: Faults: those that kill, one whose end brings the process back without its data, and those that freeze.
KILL, PAUSE = ("kill", "kill too", "lose"), ("pause", "pause too", "hang")
STEPS = st.lists(st.sampled_from([*KILL, *PAUSE, "anew"]), max_size=24)


class OnPaper:
    """A process that does what it is told."""

    def __init__(self, state: str = RUNNING) -> None:
        self.state = state
        self.empty = False

    async def state_of(self, name: str) -> str:
        return self.state

    async def end(self, name: str) -> bool:
        self.state = DEAD
        return True

    async def begin(self, name: str) -> None:
        assert self.state == DEAD
        self.state = RUNNING

    async def begin_anew(self, name: str) -> None:
        self.state = RUNNING

    async def freeze(self, name: str) -> bool:
        self.state = PAUSED if self.state == RUNNING else self.state
        return self.state == PAUSED

    async def thaw(self, name: str) -> None:
        self.state = RUNNING if self.state == PAUSED else self.state

    async def forget(self, name: str) -> None:
        assert self.state == DEAD
        self.empty = True


async def overlap(hands: Hands, steps: Sequence[str]) -> None:
    """Begins faults, and ends those that are named again, in the end all; the process is as they want it all along."""
    active: list[str] = []
    seen: list[str] = []
    alone: set[str] = set()
    processes = Processes(hands, seen.append, seen.extend, Holds())
    for number, step in enumerate([*steps, *KILL, *PAUSE]):
        if step == "anew":
            await processes.start_anew("p")
        elif step in active:
            active.remove(step)
            if step in KILL:
                await processes.start(step, "p", empty=step == "lose")
            else:
                await processes.resume(step, "p")
        elif number < len(steps):
            active.append(step)
            await (processes.kill if step in KILL else processes.pause)(step, "p")
        down, still = [fault for fault in active if fault in KILL], [fault for fault in active if fault in PAUSE]
        assert await hands.state_of("p") == (DEAD if down else PAUSED if still else RUNNING)
        if len(down or still) == 1:
            alone.update(down or still)
    assert await hands.state_of("p") == RUNNING
    assert alone <= set(seen)  # a fault that alone keeps it so has an effect, and it is known


@given(steps=STEPS)
def test_whatever_the_order_the_process_is_as_its_faults_want_it_and_in_the_end_as_it_was(steps: list[str]) -> None:
    asyncio.run(overlap(OnPaper(), steps))


@given(steps=STEPS)
def test_a_service_that_a_profile_lacks_is_never_started(steps: list[str]) -> None:
    async def main() -> None:
        hands, seen = OnPaper(ABSENT), list[str]()
        processes = Processes(hands, seen.append, seen.extend, Holds())
        for step in steps:
            await processes.kill(step, "p")
            await processes.pause(step, "p")
            await processes.start_anew("p")
            await processes.resume(step, "p")
            await processes.start(step, "p", empty=True)
        assert (hands.state, hands.empty, seen) == (ABSENT, False, [])

    asyncio.run(main())


def test_data_that_one_fault_loses_stay_lost_when_another_one_ends_last() -> None:
    async def main() -> None:
        hands = OnPaper()
        processes = Processes(hands, str, list, Holds())
        await processes.kill("a", "store")
        await processes.kill("b", "store")
        await processes.start("a", "store", empty=True)
        await processes.start("b", "store")
        assert (hands.state, hands.empty) == (RUNNING, True)

    asyncio.run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="the states of processes are read from /proc")
def test_the_same_on_a_real_process(tmp_path: Path) -> None:
    async def up() -> bool:
        return True

    async def main() -> None:
        supervisor = Supervisor(
            restart_after_s=60, on_change=lambda: None, on_crash=lambda *_: None, on_lost=lambda _: None
        )
        supervisor.add(Program("p", ["sleep", "600"], dict, tmp_path / "p.log", tmp_path, up))
        await supervisor.start("p")
        draw = Random(1)
        try:
            for _ in range(6):
                await overlap(Children(supervisor, (), Path), draw.choices([*KILL, *PAUSE, "anew"], k=12))
        finally:
            await supervisor.end_all()

    asyncio.run(main())
