"""A process of a run is killed: the run tells it, keeps what the others learnt, and ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from commands import (
    journal,
    pipequake,
    processes_in_session,
    scratch_folders,
    start,
    wait_for_an_applied_fault,
    wait_until,
    writers,
    written,
)

pytestmark = pytest.mark.slow
ARM = "quick/mature/seed-1"
TREATMENT = "quick_mature_seed-1"
CONTROL, REFERENCE = "control_mature_seed-1", "control_mature_seed-2"


def ended(process: subprocess.Popen[str], folder: Path) -> tuple[str, dict[str, list[str]]]:
    """Waits for the run; what it printed, and the kinds of events by arm."""
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 3, output + errors
    assert "Traceback" not in output + errors
    wait_until(lambda: not processes_in_session(process.pid), "the end of every process", seconds=10)
    card = json.loads((folder / "results" / "latest" / "scorecard.json").read_text())
    assert card["verdict"] == "inconclusive"
    kinds: dict[str, list[str]] = {}
    for record in journal(folder / "results" / "latest"):
        kinds.setdefault(record["arm"], []).append(record["kind"])
    return " ".join(output.split()), kinds


def test_an_arm_that_is_killed_is_told_and_its_controls_go_on(tmp_path: Path) -> None:
    process = start(tmp_path, days=2)
    wait_for_an_applied_fault(tmp_path)
    (branch,) = writers(process.pid, TREATMENT)
    os.kill(branch, signal.SIGKILL)
    output, kinds = ended(process, tmp_path)
    assert f"error in {ARM}: its process died (killed, or out of memory)" in output
    assert "arm.end" not in kinds[ARM]
    assert "fault.applied" in kinds[ARM]
    controls = [arm for arm in kinds if arm.startswith("control/")]
    assert [kinds[arm][-1] for arm in controls] == ["arm.end", "arm.end"]


def test_a_worker_that_is_killed_ends_the_run_also_while_another_one_is_idle(tmp_path: Path) -> None:
    process = start(tmp_path, days=2)
    wait_until(lambda: written(tmp_path, REFERENCE, '"arm.end"'), "the end of the other worker's arm")
    (trunk,) = writers(process.pid, CONTROL) - writers(process.pid, TREATMENT)
    pids = processes_in_session(process.pid)
    os.kill(trunk, signal.SIGKILL)
    output, kinds = ended(process, tmp_path)
    assert "its process died (killed, or out of memory)" in output
    assert "interrupted" not in output
    ends = [arm for arm in kinds if "arm.end" in kinds[arm]]
    assert any(arm.startswith("control/mature/seed-2") for arm in ends)
    assert not any(arm.startswith("control/mature/seed-1") for arm in ends)
    folder = tmp_path / "results" / "latest"
    assert not (folder / "arms").exists()
    assert pipequake("score", str(folder), cwd=tmp_path).returncode == 3
    # What the dead one had in memory is cleared away, once the system has let go of its number.
    wait_until(
        lambda: pipequake("recover", cwd=tmp_path).returncode == 0 and not scratch_folders(pids),
        "the removal of its folder",
        seconds=20,
    )


def test_recover_leaves_a_run_alone_that_still_goes_on(tmp_path: Path) -> None:
    process = start(tmp_path, days=2)
    wait_for_an_applied_fault(tmp_path)
    done = pipequake("recover", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "still running" in done.stdout
    assert written(tmp_path, TREATMENT, '"fault.applied"')
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 3, output + errors
    assert {"fault.intent", "fault.reverted"} <= {r["kind"] for r in journal(tmp_path / "results" / "latest")}
