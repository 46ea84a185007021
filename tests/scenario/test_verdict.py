from __future__ import annotations

import itertools

import pytest

from harness.errors import DirtyTarget, DiskFull, HarnessError, JournalError, ScenarioError, TargetError, UsageError
from harness.verdict import ExitCode, Outcome, Verdict, worst


def test_exit_codes_are_the_published_ones() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "PASSED": 0,
        "FAILED": 1,
        "USAGE": 2,
        "INCONCLUSIVE": 3,
        "DIRTY": 4,
        "INTERNAL": 70,
    }
    assert [int(verdict.exit_code) for verdict in Verdict] == [0, 3, 1]


@pytest.mark.parametrize("verdicts", list(itertools.permutations(Verdict)))
def test_the_worst_does_not_depend_on_the_order(verdicts: tuple[Verdict, ...]) -> None:
    assert worst(verdicts) is Verdict.FAILED
    assert worst(verdict for verdict in verdicts if verdict is not Verdict.FAILED) is Verdict.INCONCLUSIVE


def test_no_verdict_at_all_is_never_a_pass() -> None:
    assert worst([]) is Verdict.INCONCLUSIVE


def test_words_of_outcomes() -> None:
    assert [str(outcome) for outcome in Outcome] == ["caught", "silent", "absorbed", "inert", "unknown"]


def test_every_error_has_its_exit_code() -> None:
    errors = [HarnessError, UsageError, ScenarioError, JournalError, DiskFull, TargetError, DirtyTarget]
    assert [int(error.exit_code) for error in errors] == [70, 2, 2, 2, 3, 3, 4]
