"""One scenario a family, and faults that only containers can take, run as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.library import load_scenarios

from .conftest import left_of

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = ROOT / "tests" / "compose" / "scenarios"
LIVE = ROOT / "scenarios" / "live"
#: The third fault of containers' own waits for a night (training-out-of-memory): test_verbs.py has it.
PATHS = [*sorted(FAMILIES.glob("*.yaml")), LIVE / "features-unplugged.yaml", LIVE / "serving-short-of-cpu.yaml"]
NAMES = sorted(scenario.name for scenario in load_scenarios(PATHS, backend="compose"))  # checks them, too

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def journal(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """The journal of one run of everything."""
    results = tmp_path_factory.mktemp("results")
    command = [sys.executable, "-m", "harness.cli", "run", *map(str, PATHS), "--backend", "compose"]
    done = subprocess.run(
        [*command, "--time-scale", "120", "--jobs", "3", "--results", str(results)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    print(done.stdout)
    assert done.returncode in (0, 1, 3), done.stderr
    yield [json.loads(line) for line in (results / "latest" / "journal.jsonl").open()]
    assert left_of(engine) == []


def of(journal: list[dict[str, Any]], name: str, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in journal if entry["arm"].startswith(f"{name}/") and entry["kind"] == kind]


def test_the_controls_ran_to_their_end_with_answers_for_nearly_everybody(journal: list[dict[str, Any]]) -> None:
    assert {end["reason"] for end in of(journal, "control", "arm.end")} == {"horizon"}
    assert not of(journal, "control", "service.died")
    requests = of(journal, "control", "request")
    assert len(requests) > 100
    assert sum(request["status"] == 200 for request in requests) >= 0.98 * len(requests)


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_acts_and_is_taken_back(journal: list[dict[str, Any]], name: str) -> None:
    assert [end["reason"] for end in of(journal, name, "arm.end")] == ["horizon"]
    evidence = of(journal, name, "fault.evidence")
    assert evidence, "the fault touched nothing"
    assert all(entry["touched"] > 0 for entry in evidence)
    assert len(of(journal, name, "fault.reverted")) == len(of(journal, name, "fault.intent")) == 1
    assert not of(journal, name, "fault.failed")


@pytest.mark.parametrize("name", ["serving-killed", "store-hangs", "flights-late", "features-unplugged"])
def test_a_loud_fault_is_told_of_while_it_lasts_and_not_in_the_control(
    journal: list[dict[str, Any]], name: str
) -> None:
    """Through the pipeline's own checks or Prometheus', Alertmanager and the outpost."""
    applied, reverted = (of(journal, name, kind)[0]["t"] for kind in ("fault.applied", "fault.reverted"))
    told = {alert["name"] for alert in of(journal, name, "alert") if applied <= alert["t"] <= reverted + 900}
    usual = {alert["name"] for alert in of(journal, "control", "alert") if alert["t"] >= applied}
    assert told - usual
