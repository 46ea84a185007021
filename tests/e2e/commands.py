"""The command line in processes of its own, and what can be seen of them from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import IO, Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "scenarios" / "core"

QUICK = """\
name: quick
warmup: 3h
horizon: 4h
faults:
  - fault: data.null_spike
    point: feed:weather
    with: {column: visib, rate: 1.0}
    at: 30m
    for: 1h
expect: [{detect_within: 45m}]
"""


def pipequake(
    *arguments: str | Path, cwd: Path, stdout: int | IO[bytes] = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The command, with the checkout's packages."""
    return subprocess.run(
        [sys.executable, "-m", "harness.cli", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
        check=False,
    )


def journal(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]


def start(folder: Path, *options: str, days: int = 20) -> subprocess.Popen[str]:
    """A run of ``quick``, made long, in a session of its own."""
    text = QUICK.replace("horizon: 4h", f"horizon: {days}d").replace("for: 1h", f"for: {days - 1}d")
    (folder / "quick.yaml").write_text(text)
    return subprocess.Popen(
        [sys.executable, "-m", "harness.cli", "run", "quick.yaml", "--no-cache", "--jobs", "2", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until(holds: Callable[[], object], what: str, *, seconds: float = 300) -> None:
    """Polls for a condition of other processes; fails the test if it never comes."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} s in vain: {what}")
        time.sleep(0.02)


def written(folder: Path, arm: str, text: str) -> bool:
    """Whether the journal of an arm that runs has a text."""
    return any(text in part.read_text() for part in folder.glob(f"results/*/arms/{arm}*.jsonl"))


def wait_for_an_applied_fault(folder: Path) -> None:
    wait_until(lambda: written(folder, "quick_mature_seed-1", '"fault.applied"'), "a fault that is applied")


def processes_in_session(session: int) -> list[int]:
    """Those that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


def writers(session: int, arm: str) -> set[int]:
    """The processes of a session that have the journal of an arm open."""
    found = set()
    for pid in processes_in_session(session):
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                target = os.readlink(link)
            except OSError:
                continue
            if Path(target).name.startswith(arm) and target.endswith(".jsonl"):
                found.add(pid)
    return found


def scratch_folders(pids: Collection[int]) -> list[Path]:
    """What simulated deployments of these processes have left on a disk, in memory or not."""
    roots = [Path("/dev/shm"), Path(tempfile.gettempdir())]
    return [path for pid in pids for root in roots for path in root.glob(f"pipequake-{pid}-*")]
