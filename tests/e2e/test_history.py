"""A run's way into the history: the real commands on a real run in the simulator, and killed while they index."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from commands import QUICK, ROOT, pipequake

from harness.verdict import ExitCode


def _git(folder: Path, *arguments: str) -> None:
    named = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org", *arguments]
    subprocess.run(["git", *named], cwd=folder, check=True, capture_output=True)


def test_run_history_trend_baseline_gate_prune(tmp_path: Path) -> None:
    (tmp_path / "quick.yaml").write_text(QUICK)
    _git(tmp_path, "init", "-q", "-b", "main")
    _git(tmp_path, "add", "quick.yaml")
    _git(tmp_path, "commit", "-qm", "a scenario")
    first = pipequake("run", "quick.yaml", cwd=tmp_path)
    assert first.returncode == ExitCode.PASSED, first.stderr
    _git(tmp_path, "checkout", "-qb", "topic")
    assert pipequake("run", "quick.yaml", cwd=tmp_path).returncode == ExitCode.PASSED

    listed = pipequake("history", "--json", cwd=tmp_path)
    newest, oldest = json.loads(listed.stdout)
    assert (newest["git_branch"], oldest["git_branch"]) == ("topic", "main")
    assert (newest["interrupted"], newest["git_dirty"], newest["verdict"]) == (False, False, "passed")
    trend = pipequake("trend", "quick", "--html", "page.html", cwd=tmp_path)
    assert "Mean time to detection in quick under mature, 2 runs" in trend.stdout
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")

    gate = pipequake("gate", "--baseline", "main", cwd=tmp_path)
    assert gate.returncode == ExitCode.PASSED, gate.stderr
    assert f"{oldest['run']} -> {newest['run']}, 1 pair of experiments" in gate.stdout
    assert "No scenario was repeated" in gate.stdout
    missing = pipequake("gate", "--baseline", "nightly", cwd=tmp_path)
    assert (missing.returncode, missing.stdout) == (ExitCode.USAGE, "")
    assert missing.stderr.startswith("error: there is no baseline 'nightly'")

    assert pipequake("baseline", "kept", f"results/{oldest['run']}", cwd=tmp_path).returncode == ExitCode.PASSED
    assert pipequake("history", "prune", cwd=tmp_path).returncode == ExitCode.USAGE
    pruned = pipequake("history", "prune", "--keep", "0", "--yes", cwd=tmp_path)
    assert f"{oldest['run']}  left alone: a baseline" in pruned.stdout
    assert not (tmp_path / "results" / newest["run"] / "journal.jsonl").exists()
    assert pipequake("gate", "--baseline", "kept", cwd=tmp_path).returncode == ExitCode.PASSED
    assert json.loads(pipequake("history", "--json", cwd=tmp_path).stdout) == [newest, oldest]


@pytest.mark.slow
def test_killed_while_it_indexes_nothing_is_lost(tmp_path: Path) -> None:
    """SIGKILL at moments spread over the whole of it."""
    sys.path.insert(0, str(ROOT / "tests" / "history"))
    from made import finding, manifest, put

    for number in range(1, 29):
        put(tmp_path / "results" / f"run-{number:02d}", [finding(detected_s=float(number))], manifest(number))
    whole = json.loads(pipequake("history", "--limit", "99", "--json", cwd=tmp_path).stdout)
    assert len(whole) == 28
    for wait_s in (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.5):
        process = subprocess.Popen(
            [sys.executable, "-m", "harness.cli", "history", "index", "--rebuild"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            process.wait(wait_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        found = pipequake("history", "--limit", "99", "--json", cwd=tmp_path)
        assert (json.loads(found.stdout), found.stderr) == (whole, "")
