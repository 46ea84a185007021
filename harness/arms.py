"""Runs an arm from its start, or a control with the treatments that branch off it, on a target."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from harness.journal import JournalWriter
from harness.runner import Conductor
from harness.targets.base import Arm, Growth, Interrupt, Target
from harness.trunk import Tape, Trunk

__all__ = ["run_arm", "run_trunk"]


def run_arm(target: Target, arm: Arm, journal: Path, interrupt: Interrupt) -> str:
    """Runs an arm to its end, writing its journal; the reason of ``arm.end``."""
    journal = journal.resolve()
    with target.theatre(arm, journal.with_suffix(".log")) as theatre, JournalWriter(journal) as writer:
        recorder = writer.arm(arm.arm_id, theatre.now)
        return theatre.run(Conductor(arm, theatre.stage(recorder), recorder, interrupt).run())


def run_trunk(target: Target, growth: Growth, fork: Callable[[Arm], bool], interrupt: Interrupt) -> str:
    """Runs a control, and each of its treatments from the moment on where they part.

    ``fork`` is called at that moment, in the process that then runs on twice: it returns True where the treatment is to
    go on. Returns the reason of the end of what this process became.
    """
    control = growth.control
    journals = {arm_id: path.resolve() for arm_id, path in growth.journals.items()}
    unwanted = journals[control.arm_id].with_suffix(".unwanted")
    journal = journals[control.arm_id] if growth.to_end else unwanted
    with target.theatre(control, journal.with_suffix(".log")) as theatre, ExitStack() as stack:
        stack.callback(unwanted.unlink, missing_ok=True)
        tape = Tape(stack.enter_context(JournalWriter(journal)), control, theatre.now)

        def branch_off(arm: Arm) -> bool:
            copied, is_copied = os.pipe()
            draws = random.getstate()
            if not fork(arm):
                os.close(is_copied)
                os.read(copied, 1)  # the trunk's folder must stay as it is until the branch has its own, or has died
                os.close(copied)
                return False
            os.close(copied)
            random.setstate(draws)  # Python seeds it anew in a forked process
            theatre.branched(journals[arm.arm_id].with_suffix(".log"))
            os.close(is_copied)
            tape.become(arm, stack.enter_context(JournalWriter(journals[arm.arm_id])))
            return True

        stage = theatre.stage(tape)
        trunk = Trunk(control, growth.branches, stage, tape, interrupt, fork=branch_off, to_end=growth.to_end)
        return theatre.run(trunk.run())
