"""The disk of the results becomes full in the middle of a simulated run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import QUICK, pipequake

pytestmark = pytest.mark.slow


def test_a_run_on_a_full_disk_says_so_and_can_be_finished_elsewhere(
    tmp_path: Path, small_disk: Callable[[str], Path]
) -> None:
    disk = small_disk("200k")  # room for some of its journals
    (tmp_path / "quick.yaml").write_text(QUICK)
    done = pipequake("run", "quick.yaml", "--no-cache", "--results", disk, cwd=tmp_path)
    assert done.returncode == 3
    assert "No space left on device" in done.stderr
    assert "Free some space there, then `pipequake recover`" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    (run,) = disk.glob("20*")
    assert list(run.glob("arms/*.jsonl"))
    assert not list(run.rglob("*.part"))

    results = tmp_path / "results"
    shutil.copytree(run, results / run.name)
    recovered = pipequake("recover", cwd=tmp_path)
    assert recovered.returncode == 0, recovered.stderr
    assert (results / run.name / "report.html").exists()
