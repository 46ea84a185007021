"""Interrupts at awkward moments: before anything runs, as it begins, in the second run of a comparison."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from commands import QUICK, ROOT, journal, pipequake, processes_in_session, start, wait_until, written

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

#: Fails under `ad_hoc`, which has no alert for it.
MISSED = QUICK.replace("name: quick", "name: missed")
LONG = QUICK.replace("horizon: 4h", "horizon: 20d").replace("for: 1h", "for: 19d")


def begin(folder: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    (folder / "quick.yaml").write_text(QUICK)
    return subprocess.Popen(
        [sys.executable, "-m", "harness.cli", "run", "quick.yaml", "--no-cache", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"the run ended without saying {text!r}")


def end(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 3, output + errors
    assert "Traceback" not in output + errors
    wait_until(lambda: not processes_in_session(process.pid), "the end of every process", seconds=10)
    return " ".join((output + errors).split())


@pytest.mark.slow
def test_while_the_data_is_prepared(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    process = begin(tmp_path, PIPEQUAKE_CACHE=str(cache))
    wait_until(lambda: list(cache.glob(".preparing-*")), "the preparation of the data")
    process.send_signal(signal.SIGTERM)
    assert "interrupted: every fault was reverted; 0 of 3 arms ended" in end(process)
    assert list(cache.glob(".preparing-*")) == []
    assert "nothing to recover" in pipequake("recover", cwd=tmp_path).stdout


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
def test_before_any_arm_has_begun(tmp_path: Path, number: signal.Signals) -> None:
    process = start(tmp_path)
    wait_until(lambda: list(tmp_path.glob("results/*/run.json")), "the folder of the run")
    wait_until(lambda: len(processes_in_session(process.pid)) >= 3, "the first of the other processes")
    process.send_signal(number)
    output = end(process)
    assert "interrupted" in output
    assert "its process died" not in output
    run = tmp_path / "results" / "latest"
    assert json.loads((run / "run.json").read_text())["exit_code"] == 3
    assert json.loads((run / "scorecard.json").read_text())["verdict"] == "inconclusive"
    assert [r for r in journal(run) if r["kind"] == "fault.intent"] == []


@pytest.mark.slow
def test_in_the_second_run_of_a_comparison(tmp_path: Path) -> None:
    process = begin(tmp_path, "--check-determinism")
    wait_for_line(process, "running everything a second time")
    process.send_signal(signal.SIGINT)
    output = end(process)
    assert "not deterministic" not in output
    assert "interrupted" in output
    run = tmp_path / "results" / "latest"
    assert {r["reason"] for r in journal(run) if r["kind"] == "arm.end"} == {"horizon"}
    assert (run / "report.html").exists()


@pytest.mark.slow
def test_what_failed_before_an_interrupt_stays_failed_for_every_command(tmp_path: Path) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "missed.yaml").write_text(MISSED)
    (tmp_path / "scenarios" / "long.yaml").write_text(
        LONG.replace("name: quick", "name: long").replace("warmup: 3h", "warmup: 4h")  # with controls of its own
    )
    command = [sys.executable, "-m", "harness.cli", "run", "--no-cache", "--profile", "ad_hoc", "--jobs", "2"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for arm in ("missed_ad_hoc_seed-1", "control_ad_hoc_seed-1*10800", "control_ad_hoc_seed-2*10800"):
        wait_until(lambda arm=arm: written(tmp_path, arm, '"reason":"horizon"'), f"the end of {arm}")
    wait_until(lambda: written(tmp_path, "long_ad_hoc", '"fault.applied"'), "a fault that is applied")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 1, output + errors
    run = tmp_path / "results" / "latest"
    told = json.loads((run / "run.json").read_text())
    assert (told["exit_code"], told["interrupted"]) == (1, True)
    assert json.loads((run / "scorecard.json").read_text())["verdict"] == "failed"
    assert pipequake("score", run, cwd=tmp_path).returncode == 1


@pytest.mark.slow
def test_a_terminal_that_is_closed_ends_a_run_with_its_reports(tmp_path: Path) -> None:
    (tmp_path / "quick.yaml").write_text(LONG)
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.cli", "run", "quick.yaml", "--no-cache", "--jobs", "2"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=take_terminal,  # noqa: PLW1509 - two system calls
    )
    os.close(theirs)
    wait_until(lambda: written(tmp_path, "quick_mature", '"fault.applied"'), "a fault that is applied")
    os.close(ours)  # the kernel sends SIGHUP to the whole foreground group, and output is an error from now on
    assert process.wait(timeout=60) == 3
    wait_until(lambda: not processes_in_session(process.pid), "the end of every process", seconds=10)
    run = tmp_path / "results" / "latest"
    assert json.loads((run / "run.json").read_text())["exit_code"] == 3
    assert (run / "report.html").exists()
    reasons = {r["arm"]: r["reason"] for r in journal(run) if r["kind"] == "arm.end"}
    assert reasons["quick/mature/seed-1"] == "interrupted"
    kinds = [r["kind"] for r in journal(run)]
    assert kinds.count("fault.applied") == kinds.count("fault.reverted") == 1


def take_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.mark.slow
def test_under_nohup_a_closed_terminal_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "quick.yaml").write_text(QUICK)
    process = subprocess.Popen(
        ["nohup", sys.executable, "-m", "harness.cli", "run", "quick.yaml", "--no-cache"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: list(tmp_path.glob("results/*/arms/*.jsonl")), "the first arm's journal")
    os.killpg(process.pid, signal.SIGHUP)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, output + errors


@pytest.mark.slow
def test_more_than_once_and_in_a_hurry(tmp_path: Path) -> None:
    process = start(tmp_path)
    wait_until(lambda: list(tmp_path.glob("results/*/arms/*.jsonl")), "the first arm's journal")
    for _ in range(3):
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
    assert "interrupted" in end(process)
    lines = journal(tmp_path / "results" / "latest")
    intents = [r["fault_id"] for r in lines if r["kind"] == "fault.intent"]
    assert intents == [r["fault_id"] for r in lines if r["kind"] == "fault.reverted"]
