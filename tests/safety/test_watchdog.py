"""The watchdog as a process of its own: told, or not told, by a harness that lives, hangs or dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import TargetError
from harness.safety.identity import ProcessIdentity
from harness.safety.watchdog import Watchdog

HARNESS = """\
import sys, time
from pathlib import Path
from harness.safety.watchdog import Watchdog
with Watchdog(Path(sys.argv[1]), lease_s=1.0) as watchdog:
    print(watchdog.pid, flush=True)
    for _ in range(600):
        watchdog.beat()
        time.sleep(0.05)
"""


def harness(run: Path) -> tuple[subprocess.Popen[str], ProcessIdentity]:
    (run / "arms").mkdir()
    process = subprocess.Popen([sys.executable, "-c", HARNESS, run], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    watchdog = ProcessIdentity.of(int(process.stdout.readline()))
    assert watchdog is not None
    return process, watchdog


def wait_for_end(identity: ProcessIdentity, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while identity.alive():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def beat_for(watchdog: Watchdog, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        watchdog.beat()
        time.sleep(0.02)


def test_it_takes_over_when_the_harness_is_killed(tmp_path: Path) -> None:
    process, watchdog = harness(tmp_path)
    with process:
        time.sleep(1.5)  # longer than the lease: beats keep it
        assert watchdog.alive()
        process.kill()
    wait_for_end(watchdog, 10)
    assert "died" in (tmp_path / "watchdog.log").read_text()


def test_it_survives_what_ends_a_terminal(tmp_path: Path) -> None:
    process, watchdog = harness(tmp_path)
    with process:
        assert os.getsid(watchdog.pid) == watchdog.pid
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            os.kill(watchdog.pid, number)
        time.sleep(0.3)
        assert watchdog.alive()
        process.kill()
    wait_for_end(watchdog, 10)


def test_a_harness_that_hangs_is_ended_first(tmp_path: Path) -> None:
    process, watchdog = harness(tmp_path)
    with process:
        process.send_signal(signal.SIGSTOP)
        wait_for_end(watchdog, 15)
        assert process.wait(5) == -signal.SIGKILL
    assert "is silent, and is ended" in (tmp_path / "watchdog.log").read_text()


def test_a_dismissed_watchdog_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "arms").mkdir()
    with Watchdog(tmp_path, lease_s=1.0) as watchdog:
        identity = ProcessIdentity.of(watchdog.pid)
        assert identity is not None
    assert not identity.alive()
    assert (tmp_path / "watchdog.log").read_text() == ""


def test_without_its_watchdog_a_harness_must_not_go_on(tmp_path: Path) -> None:
    (tmp_path / "arms").mkdir()
    with Watchdog(tmp_path, lease_s=1.0) as watchdog:
        os.kill(watchdog.pid, signal.SIGKILL)
        with pytest.raises(TargetError, match="the watchdog died"):
            beat_for(watchdog, seconds=5)


def test_a_watchdog_that_cannot_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(TargetError, match="the watchdog did not start; without it nothing is broken"):
        Watchdog(tmp_path).__enter__()
