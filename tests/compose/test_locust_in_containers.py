"""Users sent by Locust, on containers."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from .conftest import left_of

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = """\
name: store-stands-still
warmup: 30m
horizon: 1h
faults: [{fault: store.outage, point: "store:store", with: {mode: hang}, at: 10m, for: 20m}]
expect: [{outcome: absorbed}]
"""

# Found, not imported: gevent would replace this process's sockets.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("locust") is None, reason="locust is not installed: pip install locust"),
]


def test_answers_land_in_the_journal_as_ever(engine: Any, tmp_path: Path) -> None:
    (tmp_path / "store-hangs.yaml").write_text(SCENARIO)
    command = [sys.executable, "-m", "harness.cli", "run", str(tmp_path / "store-hangs.yaml"), "--backend", "compose"]
    done = subprocess.run(
        [*command, "--load", "locust", "--time-scale", "120", "--jobs", "3", "--results", str(tmp_path / "results")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    journal = [json.loads(line) for line in (tmp_path / "results" / "latest" / "journal.jsonl").open()]
    assert {line["load"] for line in journal if line["kind"] == "arm.start"} == {"locust"}
    for arm in {line["arm"] for line in journal}:
        requests = [line for line in journal if line["arm"] == arm and line["kind"] == "request"]
        assert len(requests) >= 20
        assert sum(request["status"] == 200 for request in requests) >= 0.98 * len(requests)
    assert any(line["touched"] > 0 for line in journal if line["kind"] == "fault.evidence")
    assert left_of(engine) == []
