"""The harness is killed, or interrupted, while a container is frozen: everything is taken back and away."""

from __future__ import annotations

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
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_cut_short_leaves_no_container(engine: Any, tmp_path: Path, number: signal.Signals) -> None:
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
        (run,) = (path for path in tmp_path.iterdir() if path.is_dir() and not path.is_symlink())
        harness.send_signal(number)
        harness.wait(120)
        wait_for(lambda: not left_of(engine), 90, f"still there: {left_of(engine)}")
        wait_for(lambda: not list(tmp_path.glob("*/arms/*.live.json")), 30, "the descriptions stay")
        kinds = [record["kind"] for path in (*journals(), *run.glob("journal.jsonl")) for record in read_journal(path)]
        assert "fault.reverted" in kinds
        if number == signal.SIGINT:
            said = (tmp_path / "output").read_text()
            assert harness.returncode == 3, said
            assert "interrupted: every fault was reverted" in said
            assert "Traceback" not in said
            assert (run / "report.html").exists()
    finally:
        if harness.poll() is None:
            harness.kill()
            harness.wait()
