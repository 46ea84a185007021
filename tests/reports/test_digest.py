"""What a stranger sees first is true, and the worst comes first."""

from __future__ import annotations

from harness.reports import digest
from harness.reports.digest import bad_ones, by_severity, next_steps, title
from harness.reports.traces import TraceReader
from harness.scoring import Scorecard, score
from harness.verdict import Outcome, Verdict


def test_silence_comes_first_and_nobody_is_named_twice(judged: tuple[Scorecard, TraceReader]) -> None:
    card, _ = judged
    found = bad_ones(card)
    assert [bad.kind for bad in found] == ["silent", "failed", "inconclusive"]
    named = [e.arm for bad in found for e in bad.experiments]
    assert len(named) == len(set(named))
    fine = {e.arm for e in card.experiments if e.verdict is Verdict.PASSED and e.outcome is not Outcome.SILENT}
    assert fine.isdisjoint(named)
    assert fine | set(named) == {e.arm for e in card.experiments}
    assert title(card) == "2 of 8 experiments harmed users and nobody was told."


def test_every_remedy_that_a_claim_calls_for_is_a_step(judged: tuple[Scorecard, TraceReader]) -> None:
    card, _ = judged
    wanted = {" ".join(c.fix.split()) for e in card.experiments for c in e.expectations if c.fix}
    steps = next_steps(card)
    assert {step.text for step in steps} == wanted
    first = by_severity(card.experiments)[0]
    assert first in steps[0].experiments


def test_a_run_that_went_well_asks_for_nothing(judged: tuple[Scorecard, TraceReader]) -> None:
    card, _ = judged
    well = [e for e in card.experiments if e.verdict is Verdict.PASSED and e.outcome is not Outcome.SILENT]
    quiet = card.model_copy(update={"experiments": tuple(well), "verdict": Verdict.PASSED})
    assert (bad_ones(quiet), next_steps(quiet), title(quiet)) == ([], [], "Every expectation came true.")


def test_what_was_tested_is_counted(judged: tuple[Scorecard, TraceReader]) -> None:
    card, _ = judged
    assert digest.tested(card).startswith("4 scenarios against careful and plain: 8 experiments with ")
    assert digest.tested(score([])) == "Nothing: no experiment was run."
