"""The disk of the results becomes full while faults are in effect on real processes: nothing stays as they made it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .test_local_command import ROOT, Running


@pytest.mark.slow
def test_a_disk_that_becomes_full_ends_the_run_and_leaves_nothing(
    small_disk: Callable[[str], Path], fill_disk: Callable[[Path], Path]
) -> None:
    disk = small_disk("2m")
    running = Running(disk)
    running.until_applied(5)
    processes, volumes = running.described()
    filler = fill_disk(disk)
    said, _ = running.process.communicate(timeout=90)
    assert running.process.returncode == 3, said
    assert "No space left on device" in said
    assert "Free some space there, then `pipequake recover`" in said
    assert "Traceback" not in said
    assert [process for process in processes if process.alive()] == []
    assert [folder for folder in volumes if folder.exists()] == []
    assert not running.arms("*.live.json")

    filler.unlink()
    recovered = subprocess.run(
        [sys.executable, "-m", "harness.cli", "recover"],
        cwd=disk,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert recovered.returncode == 0, recovered.stdout + recovered.stderr
    assert list(disk.glob("results/2*/report.html"))
