"""The judge's own tests leave out no defence: the runs themselves are benchmarks/judge.py."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from judge_cases import CASES

from harness.library import load_scenarios
from harness.scoring.metrics import all_metrics
from harness.targets.reference.variants import defences, profile_of
from reference_pipeline.profiles import PROFILES

ROOT = Path(__file__).resolve().parents[2]


def test_every_defence_of_every_profile_is_tried() -> None:
    there = {defence for profile in PROFILES.values() for defence in defences(profile)}
    tried = {case.defence for case in CASES}
    assert tried == there
    assert len(tried) == len(CASES)


def test_cases_name_mutants_scenarios_and_metrics_that_there_are() -> None:
    known = {scenario.name for scenario in load_scenarios([ROOT / "scenarios"], backend="sim")}
    metrics = {metric.name for metric in all_metrics()}
    for case in CASES:
        assert replace(profile_of(case.mutant), name=case.profile) != profile_of(case.profile)
        assert {case.scenario, case.apart} <= known
        assert case.scenario != case.apart
        assert case.falls
        assert {*case.falls, *case.may} <= metrics
