"""The short form of benchmarks/torture.py: killed harnesses leave nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

#: Real deployments take turns: they share the target's lock, and each alone has work for both cores.
pytestmark = pytest.mark.xdist_group("real-processes")

TORTURE = Path(__file__).parents[2] / "benchmarks" / "torture.py"


@pytest.mark.slow
def test_killed_harnesses_leave_nothing() -> None:
    done = subprocess.run(
        [sys.executable, TORTURE, "--rounds", "3", "--longest", "45", "--seed", "5", "--watchdog-too", "0.34"],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
