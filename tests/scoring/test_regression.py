"""The gate: what fails it, what is noise, and what can't be told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "history"))
from made import POLICY, finding, scorecard

from harness.scoring.comparison import Side
from harness.scoring.findings import ExperimentFinding
from harness.scoring.regression import Gate, judge_gate
from harness.verdict import Outcome, Verdict

MIN = 60.0


def side(*experiments: ExperimentFinding) -> Side:
    return Side("run", experiments, ())


def many(times: list[float | None], *, scenario: str = "s", back_s: float = 3000.0) -> list[ExperimentFinding]:
    return [
        finding(scenario=scenario, seed=seed, detected_s=time, back_s=back_s)
        for seed, time in enumerate(times, start=1)
    ]


def gate(before: list[ExperimentFinding], now: list[ExperimentFinding]) -> Gate:
    return judge_gate("p", side(*before), side(*now), POLICY)


def verdicts(found: Gate) -> dict[str, str]:
    return {check.name: check.verdict.value for check in found.checks}


STEADY: list[float | None] = [60.0, 62.0, 61.0, 63.0, 60.0, 59.0]


def test_the_same_passes_with_repeats_and_without() -> None:
    assert gate(many(STEADY), many(STEADY)).verdict is Verdict.PASSED
    alone = gate(many([60.0]), many([60.0]))
    assert (alone.verdict, alone.repeated) == (Verdict.PASSED, False)


def test_a_slower_detection_beyond_noise_fails() -> None:
    found = gate(many(STEADY), many([20 * MIN + time for time in range(6)]))
    assert verdicts(found) == {"tier": "failed", "detection": "failed", "silence": "passed"}
    assert found.verdict is Verdict.FAILED
    tier = next(check for check in found.checks if check.name == "tier")
    assert (tier.first, tier.second) == ("3, proactive", "2, managed")
    assert tier.why == "lower, and beyond noise: mean time to detection"


def test_a_slower_detection_within_noise_passes_and_says_so() -> None:
    found = gate(many([60.0, 300.0, 80.0, 500.0, 90.0]), many([300.0, 62.0, 500.0, 90.0, 100.0]))
    detection = next(check for check in found.checks if check.name == "detection")
    assert (detection.verdict, found.verdict) == (Verdict.PASSED, Verdict.PASSED)
    assert detection.why.startswith("worse, but within noise: x 1.0")


@pytest.mark.parametrize("pairs", [1, 2])
def test_too_few_pairs_can_tell_an_improvement_but_no_regression(pairs: int) -> None:
    assert gate(many([60.0] * pairs), many([50.0] * pairs)).verdict is Verdict.PASSED
    found = gate(many([60.0] * pairs), many([70.0] * pairs))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "too few pairs to tell it from noise; more --repeats would" in found.checks[1].why


def test_a_scenario_that_became_silent_fails_in_the_simulator_even_alone() -> None:
    found = gate(many([60.0]), many([None]))
    silence = next(check for check in found.checks if check.name == "silence")
    assert (silence.verdict, silence.why) == (Verdict.FAILED, "became silent: s")
    assert (silence.first, silence.second) == ("0 of 1 silent", "1 of 1 silent")


def test_on_real_processes_one_silence_may_be_chance() -> None:
    def live(found: list[ExperimentFinding]) -> list[ExperimentFinding]:
        return [one.model_copy(update={"backend": "local"}) for one in found]

    once = gate(live(many([60.0])), live(many([None])))
    assert verdicts(once)["silence"] == "inconclusive"
    assert verdicts(gate(live(many([60.0] * 3)), live(many([None] * 3))))["silence"] == "failed"


def test_silence_that_is_gone_passes() -> None:
    assert gate(many([None] * 4), many(STEADY[:4])).verdict is Verdict.PASSED


def test_a_lower_tier_for_a_sooner_detection_only_is_no_regression() -> None:
    """The time to recovery begins at the detection: detected sooner and mended at the same time, it is longer."""
    before = many([80 * MIN] * 5, back_s=130 * MIN)
    now = many([MIN] * 5, back_s=130 * MIN)
    found = gate(before, now)
    assert found.verdict is Verdict.PASSED


def test_what_has_become_inconclusive_is_no_pass() -> None:
    mute = finding(scenario="t").model_copy(update={"counts": None, "outcome": Outcome.UNKNOWN})
    found = gate([*many([60.0]), finding(scenario="t", detected_s=5.0)], [*many([60.0]), mute])
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.checks[-1].why == "inconclusive now: t"


def test_nothing_in_common_tells_nothing() -> None:
    found = gate(many([60.0]), many([60.0], scenario="other"))
    assert (found.pairs, verdicts(found), found.verdict) == (0, {"scenarios": "inconclusive"}, Verdict.INCONCLUSIVE)
    assert found.left_out == {"only on the first side": 1, "only on the second side": 1}
    assert found.unpaired == {"only on the first side": ("s",), "only on the second side": ("other",)}
    partial = judge_gate("p", side(*many([60.0])), side(), POLICY, partial=True)
    assert partial.verdict is Verdict.INCONCLUSIVE, "nothing compared is no pass, however it was asked for"


def test_what_the_baseline_judged_and_the_run_did_not_is_no_pass_unless_meant() -> None:
    before, now = [*many(STEADY), finding(scenario="gone"), finding(scenario="changed")], many(STEADY)
    now.append(finding(scenario="changed").model_copy(update={"horizon_s": 1.0}))
    found = gate(before, now)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.checks[-1].why.startswith("not run now: gone; changed since: changed. If that is meant, say --partial")
    assert judge_gate("p", side(*before), side(*now), POLICY, partial=True).verdict is Verdict.PASSED
    assert gate(many(STEADY), before).verdict is Verdict.PASSED, "what is new has no baseline that it could fall behind"
    assert gate(before[:6], many(STEADY[:3])).verdict is Verdict.PASSED, "fewer repeats are still the same scenario"


def test_what_said_nothing_in_the_baseline_is_not_missed() -> None:
    mute = finding(scenario="gone").model_copy(update={"counts": None, "outcome": Outcome.UNKNOWN})
    assert gate([*many(STEADY), mute], many(STEADY)).verdict is Verdict.PASSED


def test_only_what_both_sides_have_decides_the_tier() -> None:
    """A baseline of more scenarios, some of them bad, does not make the tier of fewer."""
    found = gate([*many(STEADY), *many([None] * 3, scenario="bad")], many(STEADY))
    assert next(check for check in found.checks if check.name == "tier").first == "3, proactive"
    assert scorecard(many(STEADY)).profiles[0].tier.level == 3
