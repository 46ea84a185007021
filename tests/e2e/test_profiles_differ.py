"""The harness tells profiles apart by what happened to them, and by nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from commands import LIBRARY, pipequake

from harness.scoring import score

pytestmark = pytest.mark.slow
SCENARIOS = ("delays-become-text", "feature-store-slow", "ingestion-cut-off", "serving-killed")


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of four built-in scenarios under both profiles."""
    folder = tmp_path_factory.mktemp("judged")
    names = [word for name in SCENARIOS for word in ("--only", name)]
    done = pipequake("run", LIBRARY, *names, "--profile", "ad_hoc", "--profile", "mature", "--jobs", "2", cwd=folder)
    assert done.returncode == 1, done.stdout + done.stderr
    return (folder / "results" / "latest").resolve()


def findings(run: Path) -> dict[str, dict[str, Any]]:
    """By profile, by scenario: what the scorecard says of it."""
    card = json.loads((run / "scorecard.json").read_text())
    found: dict[str, dict[str, Any]] = {}
    for experiment in card["experiments"]:
        found.setdefault(experiment["profile"], {})[experiment["scenario"]] = experiment
    return found


def test_what_is_silent_under_ad_hoc_is_seen_and_absorbed_under_mature(judged: Path) -> None:
    by_profile = findings(judged)
    changes = {
        name: tuple(by_profile[profile][name]["faults"][0]["outcome"] for profile in ("ad_hoc", "mature"))
        for name in SCENARIOS
    }
    assert changes["delays-become-text"] == ("silent", "absorbed")
    assert changes["ingestion-cut-off"] == ("silent", "absorbed")


def test_mature_keeps_what_the_scenarios_expect_and_ad_hoc_keeps_none_of_it(judged: Path) -> None:
    by_profile = findings(judged)
    assert {e["verdict"] for e in by_profile["ad_hoc"].values()} == {"failed"}
    assert {e["verdict"] for e in by_profile["mature"].values()} == {"passed"}
    kept = {
        profile: sum(claim["verdict"] == "passed" for e in experiments.values() for claim in e["expectations"])
        for profile, experiments in by_profile.items()
    }
    assert kept["ad_hoc"] < kept["mature"]


def test_the_reason_stands_in_the_report(judged: Path) -> None:
    report = (judged / "report.md").read_text()
    assert "no alert differs from the control run" in report
    for name in SCENARIOS:
        assert name in report


def test_the_judge_gives_the_same_marks_when_the_profiles_swap_their_names(judged: Path, tmp_path: Path) -> None:
    text = (judged / "journal.jsonl").read_text()
    swapped = text.replace("ad_hoc", "\0").replace("mature", "ad_hoc").replace("\0", "mature")
    shutil.copytree(judged, tmp_path / "swapped")
    (tmp_path / "swapped" / "journal.jsonl").write_text(swapped)
    assert pipequake("score", "swapped", cwd=tmp_path).returncode == 1
    true, exchanged = findings(judged), findings(tmp_path / "swapped")
    for name in SCENARIOS:
        for profile, other in (("ad_hoc", "mature"), ("mature", "ad_hoc")):
            one, same = true[profile][name], exchanged[other][name]
            assert (one["verdict"], one["faults"]) == (same["verdict"], same["faults"])


def test_a_run_whose_arms_were_lost_is_no_pass(judged: Path) -> None:
    lines = [json.loads(line) for line in (judged / "journal.jsonl").read_text().splitlines()]
    mature = [r for r in lines if "mature" in r["arm"]]
    assert score(mature).verdict.value == "passed"
    without_end = [r for r in mature if not (r["kind"] == "arm.end" and r["arm"].startswith("serving-killed"))]
    assert score(without_end).verdict.value == "inconclusive"
    without_control = [r for r in mature if not r["arm"].startswith("control/mature/seed-1")]
    assert score(without_control).verdict.value == "inconclusive"
