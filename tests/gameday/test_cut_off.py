"""A gameday that is cut off: before its console stands, and while it is concluded."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLAN = """\
title: A morning
scenarios: [{scenario: serving-killed}]
"""


def gameday(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness.cli", "gameday", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_port_that_is_taken_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = gameday(tmp_path, "plan.yaml", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "Give another one with --port." in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_a_conclusion_that_was_cut_off_is_taken_up_and_one_that_was_not_keeps_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    console = subprocess.Popen(
        [sys.executable, "-m", "harness.cli", "gameday", "plan.yaml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert console.stdout is not None
    for line in console.stdout:
        if line.startswith("participants:"):
            break
    console.send_signal(signal.SIGKILL)
    console.wait()
    console.stdout.close()
    time.sleep(1)
    (run,) = (tmp_path / "results").iterdir()
    assert gameday(tmp_path, "--resume", str(run), "--conclude").returncode == 3
    journal, report = (run / "journal.jsonl").read_bytes(), (run / "gameday.md").read_bytes()
    assert b"arm.end" in journal
    told = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({key: told[key] for key in told.keys() - {"ended", "exit_code"}}))
    (run / "gameday.md").unlink()
    assert gameday(tmp_path, "--resume", str(run)).returncode == 3
    assert (run / "journal.jsonl").read_bytes() == journal
    assert (run / "gameday.md").read_bytes() == report
    assert not (run / "arms").exists()
    again = gameday(tmp_path, "--resume", str(run))
    assert (again.returncode, "this gameday is over" in again.stdout) == (3, True)
    assert not (run / "arms").exists()
