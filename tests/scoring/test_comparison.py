"""Two sides of a comparison: what is better, worse, noise, or cannot be told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from synthetic import HOUR, WARMUP, Alert, Injected, Made, journal, treated, unanswered

from harness.scoring import Policy, score
from harness.scoring.comparison import Change, Comparison, MetricChange, Side, compare
from harness.verdict import Verdict

A, B = WARMUP + 2 * HOUR, WARMUP + 6 * HOUR


def side(label: str, delays: Sequence[float | None], *, lasting: float = HOUR, nagging: int = 0) -> Side:
    """A pipeline that detects the repeats of one scenario after so long, never for None."""
    noise = tuple(Alert(WARMUP + HOUR * (12 + i), WARMUP + HOUR * (12 + i) + 60, "Nag") for i in range(nagging))
    arms: list[Made] = []
    for seed, delay in enumerate(delays):
        alerts = noise if delay is None else (*noise, Alert(A + delay, B))
        control = Made(arm=f"control-{seed}", seed=seed, alerts=noise, every_s=600.0)
        fault = [Injected(A, B)]
        outage = [unanswered(A, A + lasting)]
        more = {"arm": f"treated-{seed}", "seed": seed, "control": control.arm, "every_s": 600.0}
        arms += [control, treated(fault, outage, alerts, **more)]
    scorecard = score(journal(*arms))
    return Side.of(scorecard, scorecard.profiles[0], label)


def compared(first: Side, second: Side) -> Comparison:
    return compare(first, second, Policy())


def change(comparison: Comparison, name: str) -> MetricChange:
    return next(metric for metric in comparison.metrics if metric.name == name)


QUICK = [60.0 + 30 * i for i in range(6)]


def test_the_same_on_both_sides_is_the_same() -> None:
    found = compared(side("a", QUICK), side("b", QUICK))
    assert (found.pairs, found.verdict, found.regressions) == (6, Verdict.PASSED, ())
    assert {metric.change for metric in found.metrics} <= {Change.SAME, Change.UNKNOWN}
    assert found.scenarios == ()


def test_a_slower_detection_is_a_regression_and_the_other_way_round_an_improvement() -> None:
    fast, slow = side("a", QUICK), side("b", [4 * delay for delay in QUICK])
    worse, better = compared(fast, slow), compared(slow, fast)
    assert change(worse, "mttd").change is Change.WORSE
    assert change(worse, "mttd").ratio == pytest.approx(4)
    assert worse.regressions == ("Mean time to detection",)
    assert worse.verdict is Verdict.FAILED
    assert change(better, "mttd").change is Change.BETTER
    assert better.verdict is Verdict.PASSED


def test_a_difference_within_noise_is_none() -> None:
    found = compared(side("a", QUICK), side("b", list(reversed(QUICK))))
    assert change(found, "mttd").change is Change.SAME
    assert change(found, "mttd").low is not None


def test_one_pair_cannot_tell_noise_but_a_scenario_that_went_silent_is_a_regression() -> None:
    found = compared(side("a", [60.0]), side("b", [120.0]))
    assert change(found, "mttd").change is Change.UNKNOWN
    assert found.regressions == ()
    silent = compared(side("a", [60.0]), side("b", [None]))
    assert silent.regressions == ("weather-stops",)
    assert silent.scenarios[0].change is Change.WORSE
    assert (silent.scenarios[0].first, silent.scenarios[0].second) == ({"caught": 1}, {"silent": 1})


def test_a_scenario_that_went_silent_in_some_repeats_only_is_noise_so_far() -> None:
    found = compared(side("a", QUICK), side("b", [*QUICK[:-1], None]))
    assert [(one.scenario, one.change) for one in found.scenarios] == [("weather-stops", Change.SAME)]


def test_false_alarms_are_compared_exactly() -> None:
    found = compared(side("a", QUICK), side("b", QUICK, nagging=10))
    alarms = change(found, "false_alarm_rate")
    assert (alarms.first, alarms.second, alarms.change) == (0, 10, Change.WORSE)
    few = change(compared(side("a", QUICK[:1]), side("b", QUICK[:1], nagging=1)), "false_alarm_rate")
    assert few.change is Change.SAME


def test_what_was_not_run_on_both_sides_is_left_out_and_said() -> None:
    found = compared(side("a", QUICK), side("b", QUICK[:4]))
    assert (found.pairs, found.left_out) == (4, {"only on the first side": 2})


def test_nothing_in_common_is_inconclusive() -> None:
    found = compared(side("a", QUICK), Side("b", (), ()))
    assert (found.verdict, found.pairs) == (Verdict.INCONCLUSIVE, 0)
    assert found.unpaired == {"only on the first side": ("weather-stops",)}


def test_a_scenario_that_was_changed_in_between_is_left_out() -> None:
    other = treated([Injected(A, B, point="feed:planes")], [unanswered(A, B)])
    scorecards = [score(journal(Made(), arm)) for arm in (treated([Injected(A, B)], [unanswered(A, B)]), other)]
    found = compared(*(Side.of(card, card.profiles[0], "x") for card in scorecards))
    assert found.left_out == {"the scenario is not the same on both sides": 1}


def test_the_order_of_experiments_changes_nothing() -> None:
    first, second = side("a", QUICK), side("b", [2 * delay for delay in QUICK])
    turned = Side(second.label, tuple(reversed(second.experiments)), second.controls)
    assert compared(first, second) == compared(first, turned)


def test_harm_is_compared_by_its_ratio() -> None:
    found = compared(side("a", QUICK), side("b", QUICK, lasting=3 * HOUR))
    assert change(found, "harm").change is Change.WORSE
    assert change(found, "prediction_availability").change is Change.WORSE
    assert change(found, "mttd").change is Change.SAME
