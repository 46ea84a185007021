"""Help and validation cost next to nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import QUICK, ROOT

TRIES = 3


def cpu_s(folder: Path, *arguments: str) -> float:
    """User and system time of a command, the best of some tries."""
    spent = []
    for _ in range(TRIES):
        process = subprocess.Popen(
            [sys.executable, "-m", "harness.cli", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        spent.append(usage.ru_utime + usage.ru_stime)
    return min(spent)


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("validate", "quick.yaml")], ids=" ".join)
def test_the_processor_time_of_quick_commands(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "quick.yaml").write_text(QUICK)
    assert cpu_s(tmp_path, *arguments) < 0.3
