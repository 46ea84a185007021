"""Plays arms in the simulator for a benchmark."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.experiment import grow
from harness.journal import read_journal
from harness.run_folder import RunFolder
from harness.targets.base import Arm, Interrupt
from harness.workers import Done, run_trunks

__all__ = ["journal_of"]


def journal_of(arms: Sequence[Arm], jobs: int) -> list[dict[str, Any]]:
    """The journal of the arms, in their order; ends the benchmark if one of them fails."""
    failed: list[Done] = []

    def ended(done: Done) -> None:
        if done.error:
            failed.append(done)

    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder.create(Path(scratch), datetime.now(UTC))
        run_trunks(grow(arms, folder.arm_journal), jobs, ended, Interrupt(), lambda: None)
        if failed:
            sys.exit(f"{failed[0].arm_id}: {failed[0].error}")
        folder.merge([arm.arm_id for arm in arms])
        return list(read_journal(folder.journal))
