"""The lock of a target and the stop file, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.safety.guard import Pulse
from harness.safety.identity import ProcessIdentity
from harness.safety.stop_file import StopFile
from harness.safety.target_lock import TargetLock
from harness.targets.base import Interrupt

HOLD = """\
import sys, time
from pathlib import Path
from harness.safety.target_lock import TargetLock
with TargetLock(Path(sys.argv[1]), Path(sys.argv[2])):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(lock: Path, run: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, lock, run], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_one_owner_at_a_time_and_the_other_is_told_whose_it_is(tmp_path: Path) -> None:
    process = holder(tmp_path / "reference-local.lock", tmp_path / "run-1")
    with process:
        with pytest.raises(UsageError, match=f"reference-local is in use by process {process.pid} .*run-1"):
            TargetLock(tmp_path / "reference-local.lock", tmp_path / "run-2").__enter__()
        process.kill()


def test_a_dead_owner_locks_nobody_out_and_its_run_is_on_record(tmp_path: Path) -> None:
    process = holder(tmp_path / "a.lock", tmp_path / "run-1")
    with process:
        process.send_signal(signal.SIGKILL)
    with TargetLock(tmp_path / "a.lock", tmp_path / "run-2") as lock:
        assert lock.left_behind == tmp_path / "run-1"
    with TargetLock(tmp_path / "a.lock", tmp_path / "run-3") as lock:
        assert lock.left_behind is None


@pytest.mark.parametrize("how", ["dirty", "exception"])
def test_an_unclean_end_stays_on_record(tmp_path: Path, how: str) -> None:
    path = tmp_path / "a.lock"
    if how == "dirty":
        with TargetLock(path, tmp_path / "run-1") as lock:
            lock.leave_dirty()
    else:
        with pytest.raises(RuntimeError), TargetLock(path, tmp_path / "run-1"):
            raise RuntimeError
    with TargetLock(path, tmp_path / "run-2") as lock:
        assert lock.left_behind == tmp_path / "run-1"


def test_a_lock_that_was_half_written_is_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_text('{"owner": {"pi')
    with TargetLock(tmp_path / "a.lock", tmp_path) as lock:
        assert lock.left_behind is None


def test_a_later_process_of_the_same_pid_is_not_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        identity = ProcessIdentity.of(process.pid)
        assert identity is not None
        impostor = ProcessIdentity(identity.pid, identity.ticks - 1)
        assert impostor.end(0.1)
        assert process.poll() is None
        assert ProcessIdentity.from_json(identity.to_json()) == identity
        assert identity.end()
    assert not identity.alive()


def test_a_reason_that_is_no_text_stops_all_the_same(tmp_path: Path) -> None:
    file = StopFile(tmp_path / "stop")
    file.put("fire\n\x1b[2J\udcff")
    with pytest.raises(UsageError, match=r"\+00:00 fire \[2J\?\): no run starts"):
        file.refuse_start()


def test_only_a_file_is_cleared(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "stop")
    with pytest.raises(UsageError, match=r"stop is no file\. Set PIPEQUAKE_STOP_FILE to one"):
        StopFile(tmp_path / "stop").clear()
    assert (tmp_path / "stop").is_fifo()


def test_the_stop_file_refuses_and_interrupts(tmp_path: Path) -> None:
    file = StopFile(tmp_path / "stop")
    interrupt = Interrupt()
    pulse = Pulse(file, interrupt)
    pulse()
    file.refuse_start()
    assert not interrupt.requested
    file.put("fire drill")
    deadline = time.monotonic() + 5
    while not interrupt.requested and time.monotonic() < deadline:
        pulse()
    assert interrupt.requested
    assert pulse.stopped == f"{file.path} appeared"
    with pytest.raises(UsageError, match=r"fire drill.*no run starts.*pipequake stop --clear"):
        file.refuse_start()
    assert file.clear()
    assert not file.clear()
    file.refuse_start()
