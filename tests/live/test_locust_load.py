"""Users and crowd sent by Locust, on a real deployment: the same journal as when the harness sends them itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.arms import run_arm
from harness.errors import TargetError
from harness.targets import load_target
from harness.targets.base import LOCUST_LOAD, Interrupt

from .test_local_arms import SCALE, Played, arm

# Found, not imported: gevent would replace this process's sockets.
pytestmark = pytest.mark.skipif(find_spec("locust") is None, reason="locust is not installed: pip install locust")

FAULTS = """\
  - {id: more, fault: traffic.surge, point: "traffic:users", with: {per_minute: 2, clients: 2}, at: 2m, for: 20m}
  - {id: bad, fault: traffic.malformed, point: "traffic:users", with: {per_minute: 1}, at: 2m, for: 20m}
  - {id: slow, fault: traffic.slow_clients, point: "traffic:users", with: {per_minute: 1}, at: 2m, for: 20m}
  - {id: far, fault: traffic.adversarial, point: "traffic:users", with: {field: distance, factor: 3}, at: 2m, for: 25m}
  - {id: cut, fault: network.partition, point: "link:users->serving", at: 28m, for: 8m}
"""


@pytest.mark.slow
def test_answers_and_faults_land_in_the_journal_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(tmp_path, replace(arm(FAULTS), load=LOCUST_LOAD), monkeypatch)
    assert played.reason == "horizon"
    assert played.lines[0]["load"] == LOCUST_LOAD
    requests = played.of("request")
    assert len(requests) >= 30
    whole = [request for request in requests if request["sent"] < 300 + 20 * 60 and request["status"] == 200]
    assert {request["source"] for request in whole} <= {"model", "cached", "simplified", "prior"}
    assert all(0 < request["latency_ms"] < 2500 and 0 <= request["p"] <= 1 for request in whole)
    assert [line["t"] for line in played.lines] == sorted(line["t"] for line in played.lines)
    begins, ends = (played.of(kind, fault_id="cut")[0]["t"] for kind in ("fault.applied", "fault.reverted"))
    patience = 2.0 * SCALE
    cut = [request for request in requests if begins < request["sent"] < ends - 1.5 * patience]
    assert cut
    assert {request["status"] for request in cut} == {0}
    assert all(request["latency_ms"] == pytest.approx(2000, abs=500) for request in cut)
    for fault_id in ("more", "bad", "slow", "far", "cut"):
        assert played.of("fault.evidence", fault_id=fault_id), f"{fault_id} touched nothing"
        assert len(played.of("fault.reverted", fault_id=fault_id)) == 1
    assert played.of("arm.pace")[-1]["requests"] > 0
    played.nothing_is_left()


def generators() -> list[int]:
    """The load generators of this process."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "harness.load.process" in line]


@pytest.mark.slow
def test_a_run_that_loses_its_load_ends_with_an_error(tmp_path: Path) -> None:
    def kill() -> None:
        while not (found := generators()):
            time.sleep(0.1)
        journal = tmp_path / "s.jsonl"
        while '"arm.deployed"' not in journal.read_text():
            time.sleep(0.1)
        os.kill(found[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(TargetError, match="the load generator ended with -9"):
        run_arm(load_target(), replace(arm(), load=LOCUST_LOAD), tmp_path / "s.jsonl", Interrupt())
    killer.join()
    assert generators() == []


@pytest.mark.parametrize(
    ("hidden", "backend", "said"),
    [("locust", "local", "pip install 'pipequake[load]'"), ("", "sim", "no sockets for Locust")],
)
def test_what_can_not_be_is_refused(hidden: str, backend: str, said: str, tmp_path: Path) -> None:
    hide = f"import sys; sys.modules[{hidden!r}] = None; " if hidden else ""
    code = f"{hide}from harness.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "--backend", backend, "--load", "locust", "--results", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
