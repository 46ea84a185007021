"""The judge's own tests on real runs, bounded: the whole table is benchmarks/judge.py."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import judge
from judge_cases import CASES

pytestmark = pytest.mark.slow
TRIED = ("checks.contract", "checks.source_age", "supervised")


@pytest.fixture(scope="module")
def cases() -> list[Any]:
    return [case for case in CASES if case.defence in TRIED]


@pytest.fixture(scope="module")
def records(cases: list[Any]) -> list[dict[str, Any]]:
    return judge.records_of(cases, repeats=4, jobs=2)


def test_a_defence_that_is_off_lowers_its_score_and_no_other(records: list[dict[str, Any]], cases: list[Any]) -> None:
    for what, _, shown, holds in judge.mutants(judge.score(records), cases):
        assert holds, f"{what}: {shown}"


def test_cheating_monitors_and_broken_probes_gain_nothing(records: list[dict[str, Any]]) -> None:
    for what, _, shown, holds in judge.cheats(records):
        assert holds, f"{what}: {shown}"
