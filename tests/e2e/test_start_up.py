"""Help and validation cost next to nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import QUICK, ROOT

TRIES = 3
#: What no command line of this kind can do without, and how many times as much is allowed: pandas alone would be more.
NEEDED, TIMES = ("-c", "import click, pydantic, yaml"), 5


def cpu_s(folder: Path, *arguments: str) -> float:
    """User and system time of Python with these arguments."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("validate", "quick.yaml")], ids=" ".join)
def test_the_processor_time_of_quick_commands(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "quick.yaml").write_text(QUICK)
    pairs = [(cpu_s(tmp_path, "-m", "harness.cli", *arguments), cpu_s(tmp_path, *NEEDED)) for _ in range(TRIES)]
    spent, needed = map(min, zip(*pairs, strict=True))
    assert spent < TIMES * needed
