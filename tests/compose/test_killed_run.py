"""The harness is killed while a container is frozen: the watchdog takes everything back and away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.journal import read_journal

from .conftest import left_of

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = ROOT / "tests" / "compose" / "scenarios" / "store-hangs.yaml"


def wait_for(what: Callable[[], object], within_s: float, why: str) -> None:
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(0.2)


@pytest.mark.slow
def test_a_killed_run_leaves_no_container(engine: Any, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness.cli", "run", str(SCENARIO), "--backend", "compose", "--jobs", "3"]
    with (tmp_path / "output").open("w") as output:
        harness = subprocess.Popen(
            [*command, "--time-scale", "240", "--results", str(tmp_path)], cwd=ROOT, stdout=output, stderr=output
        )
    try:

        def journals() -> list[Path]:
            return sorted(tmp_path.glob("*/arms/store-hangs*.jsonl"))

        def applied() -> bool:
            assert harness.poll() is None, (tmp_path / "output").read_text()
            return any("fault.applied" in path.read_text() for path in journals())

        wait_for(applied, 300, "the fault was never applied")
        os.kill(harness.pid, signal.SIGKILL)
        harness.wait()
        wait_for(lambda: not left_of(engine), 90, f"still there: {left_of(engine)}")
        wait_for(lambda: not list(tmp_path.glob("*/arms/*.live.json")), 30, "the descriptions stay")
        (journal,) = journals()
        kinds = [record["kind"] for record in read_journal(journal)]
        assert "fault.reverted" in kinds
    finally:
        if harness.poll() is None:
            harness.kill()
            harness.wait()
