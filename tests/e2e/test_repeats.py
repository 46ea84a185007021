"""Repeats on the simulator: each can be run again by itself, and runs can be compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from commands import QUICK, journal, pipequake

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of four repeats under two profiles."""
    folder = tmp_path_factory.mktemp("repeated")
    (folder / "quick.yaml").write_text(QUICK)
    options = (
        "--repeats",
        "4",
        "--profile",
        "mature",
        "--profile",
        "mature-checks.contract",
        "--jobs",
        "2",
        "--verbose",
    )
    done = pipequake("run", "quick.yaml", *options, cwd=folder)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert "cost in CPU time: " in done.stdout
    assert done.stdout.count(" s wall  ") == 8 + 6
    return folder


def card(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results" / "latest" / "scorecard.json").read_text())
    return found


def test_a_scorecard_adds_the_repeats_up(repeated: Path) -> None:
    found = card(repeated)
    assert len(found["experiments"]) == 8
    assert {scenario["repeats"] for scenario in found["scenarios"]} == {4}
    assert {(e["seed"], e["begins_s"]) for e in found["experiments"] if e["seed"] == 1} > {(1, 1800.0)}


def test_the_rerun_of_one_repeat_gives_the_same_bytes(repeated: Path, tmp_path: Path) -> None:
    latest = (repeated / "results" / "latest").resolve()
    later = json.loads((latest / "run.json").read_text())["later_s"]
    arm = next(name for name in sorted(later) if "/mature/seed-2" in name)
    (tmp_path / "quick.yaml").write_text(QUICK)
    options = ("--seed", "2", "--later", f"{later[arm]:g}s", "--profile", "mature")
    assert pipequake("run", "quick.yaml", *options, cwd=tmp_path).returncode in (0, 1)
    again = [line for line in journal(tmp_path / "results" / "latest") if line["arm"] == arm]
    assert again == [line for line in journal(latest) if line["arm"] == arm]


def test_profiles_are_compared_and_the_lost_check_is_found(repeated: Path) -> None:
    names = ("--profile", "mature", "--profile", "mature-checks.contract")
    done = pipequake("compare", "results/latest", *names, "--json", cwd=repeated)
    assert done.returncode == 1, done.stdout + done.stderr
    (found,) = json.loads(done.stdout)
    assert found["pairs"] == 4
    assert found["regressions"]
    same = pipequake("compare", "results/latest", "results/latest", "--profile", "mature", cwd=repeated)
    assert same.returncode == 0
    assert "nothing got worse beyond noise" in same.stdout
