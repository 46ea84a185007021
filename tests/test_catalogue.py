"""Every fault has a scenario and a place in the reference; every built-in scenario is classified."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from chaos.registry import registry
from harness.scenario import load_library
from harness.targets import load_target

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "scenarios"


def test_every_fault_has_a_scenario_and_every_scenario_is_valid_and_classified() -> None:
    scenarios = load_library([LIBRARY], load_target().facts())
    used = {spec.fault for scenario in scenarios for spec in scenario.faults}
    assert set(registry.names()) - used == set()
    assert [s.name for s in scenarios if s.classification is None or not s.description] == []
    assert {s.name for s in scenarios} == {path.stem for path in LIBRARY.rglob("*.yaml")}


def test_the_reference_of_faults_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "generate_docs.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_files_that_the_documentation_shows_are_the_files() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "update_docs.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
