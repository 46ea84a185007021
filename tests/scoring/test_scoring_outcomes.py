"""What becomes of a fault and of a scenario, on journals made by hand."""

from __future__ import annotations

import pytest
from synthetic import (
    END,
    HOUR,
    WARMUP,
    Alert,
    Injected,
    Made,
    between,
    jitter,
    journal,
    treated,
    unanswered,
    worse,
)

from harness.scoring import MalformedJournal, Scorecard, score
from harness.scoring.expectations import unjudged
from harness.scoring.findings import ExperimentFinding, FaultFinding, Grade, RecoveryKind
from harness.scoring.plan import Expectation
from harness.verdict import Outcome, Verdict

A, B = WARMUP + 2 * HOUR, WARMUP + 6 * HOUR
FAULT = Injected(A, B)
OUTAGE = unanswered(A, B)


def run(treatment: Made, *others: Made) -> Scorecard:
    return score(journal(*(others or (Made(),)), treatment))


def experiment(treatment: Made, *others: Made) -> ExperimentFinding:
    return run(treatment, *others).experiments[0]


def fault(treatment: Made, *others: Made) -> FaultFinding:
    return experiment(treatment, *others).faults[0]


def test_harm_with_an_alert_is_caught_and_timed_from_the_first_effect() -> None:
    found = fault(treated([FAULT], [OUTAGE], [Alert(A + 600, B + 900)]))
    assert found.outcome is Outcome.CAUGHT
    assert (found.t_act, found.t_end, found.t_on) == (A, B, A)
    assert found.detection is not None
    assert found.detection.time_to_detect_s == 600
    assert found.detection.grade is Grade.LOCALISED
    assert found.touched == 36


def test_a_control_in_which_a_service_died_by_itself_is_no_control() -> None:
    lines = journal(Made(), treated([FAULT], [worse(A, B)]))
    died = {"kind": "service.died", "service": "monitoring", "why": "KeyError: 'serving'", "t": A}
    arms = {record["role"]: record["arm"] for record in lines if record["kind"] == "arm.start"}
    of_control = score([*lines, {**died, "arm": arms["control"]}])
    found = of_control.experiments[0]
    assert found.verdict is Verdict.INCONCLUSIVE
    why = "in the control run, without any fault, a service died: monitoring (KeyError: 'serving')"
    assert found.reasons == (why,)
    assert [control.unusable for control in of_control.profiles[0].controls] == [why]
    of_treatment = score([*lines, {**died, "arm": arms["treatment"]}])
    assert of_treatment == score(lines)  # there it may be what the fault did


def test_harm_without_an_alert_is_silent_and_fails_the_claim_with_what_why_and_fix() -> None:
    found = experiment(treated([FAULT], [worse(A, B)]))
    assert (found.outcome, found.verdict) == (Outcome.SILENT, Verdict.FAILED)
    claim = found.expectations[0]
    assert claim.what == "no alert in 22 h after the first effect"
    assert claim.why == "no alert differs from the control run, while users were worse off in prediction quality"
    assert "see freshness.freeze on feed:weather" in claim.fix


def test_identical_arms_are_absorbed_without_any_harm() -> None:
    found = fault(treated([FAULT]))
    assert found.outcome is Outcome.ABSORBED
    assert found.harm == 0
    assert found.recovery is not None
    assert found.recovery.kind is RecoveryKind.NOT_NEEDED


def test_an_alert_without_harm_stays_absorbed_and_the_alert_is_noted() -> None:
    found = fault(treated([FAULT], alerts=[Alert(A + 60, B)]))
    assert found.outcome is Outcome.ABSORBED
    assert found.detection is not None
    assert found.detection.time_to_detect_s == 60
    assert "SourceStale was raised" in found.reason


def test_predictions_that_move_without_getting_worse_are_no_harm() -> None:
    assert fault(treated([FAULT], [jitter(0.05)])).outcome is Outcome.ABSORBED


def test_a_fault_that_touched_nothing_is_inert_and_never_a_pass() -> None:
    found = experiment(treated([Injected(A, B, touched=0)], expect=[{"degradation_at_most": 1.0, "signal": "latency"}]))
    assert (found.outcome, found.verdict) == (Outcome.INERT, Verdict.INCONCLUSIVE)


def test_a_fault_that_was_expected_to_be_inert_may_pass() -> None:
    found = experiment(treated([Injected(A, B, touched=0)], expect=[{"outcome": "inert"}]))
    assert (found.outcome, found.verdict) == (Outcome.INERT, Verdict.PASSED)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"reason": None}, "the journal stops before the end of the treatment run"),
        ({"reason": "error", "ends": B}, "the treatment run ended by error"),
        ({"reason": "interrupted", "ends": B}, "the treatment run was interrupted"),
        ({"steady": False}, "the treatment run was not in steady state after its warm-up: why"),
        ({"drop": lambda record: record["sent"] > A}, "only 8 % of the control's requests have a counterpart"),
        ({"drop": lambda record: True}, "the treatment run has no requests"),
        ({"control": "nobody"}, "its control run 'nobody' is not in the journal"),
    ],
)
def test_missing_data_is_inconclusive_with_the_reason(broken: dict[str, object], reason: str) -> None:
    found = experiment(treated([FAULT], [OUTAGE], [Alert(A + 600)], **broken))
    assert (found.outcome, found.verdict) == (Outcome.UNKNOWN, Verdict.INCONCLUSIVE)
    assert found.reasons[0].startswith(reason)
    assert all(claim.verdict is Verdict.INCONCLUSIVE for claim in found.expectations)


def test_a_crashed_control_is_inconclusive_too() -> None:
    found = experiment(treated([FAULT], [OUTAGE]), Made(reason="error"))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reasons == ("the control run ended by error",)


def test_a_fault_that_could_not_be_applied_is_unknown() -> None:
    found = experiment(treated([Injected(A, B, failed="no such link")]))
    assert (found.outcome, found.verdict) == (Outcome.UNKNOWN, Verdict.INCONCLUSIVE)
    assert found.reasons == ("freeze: the fault could not be injected: apply failed: no such link",)


def test_a_run_that_was_stopped_passes_no_claim_that_it_could_not_finish() -> None:
    claims = [{"degradation_at_most": 0.9, "signal": "availability"}, {"recover_within": "1h"}]
    stopped = treated([Injected(A, None)], [unanswered(A, END)], expect=claims, reason="stopped", ends=A + HOUR)
    found = experiment(stopped)
    assert [claim.verdict for claim in found.expectations] == [Verdict.INCONCLUSIVE] * 2
    assert "a stop condition ended the run early" in found.reasons


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        ({"detect_within": "10m"}, Verdict.PASSED),
        ({"detect_within": "9m"}, Verdict.FAILED),
        ({"detect_within": "1h", "component": "ingestion"}, Verdict.PASSED),
        ({"detect_within": "1h", "component": "serving"}, Verdict.FAILED),
        ({"detect_within": "1h", "fault": "freeze"}, Verdict.PASSED),
        ({"recover_within": "15m"}, Verdict.PASSED),
        ({"recover_within": "14m"}, Verdict.FAILED),
        ({"degradation_at_most": 0.2, "signal": "availability"}, Verdict.PASSED),
        ({"degradation_at_most": 0.1, "signal": "availability"}, Verdict.FAILED),
        ({"degradation_at_most": 0.0, "signal": "quality"}, Verdict.PASSED),
        ({"outcome": "caught"}, Verdict.PASSED),
        ({"outcome": "absorbed"}, Verdict.FAILED),
    ],
)
def test_each_kind_of_claim(claim: dict[str, object], verdict: Verdict) -> None:
    found = experiment(treated([FAULT], [OUTAGE], [Alert(A + 600, B + 900)], [claim]))
    assert found.expectations[0].verdict is verdict
    assert found.verdict is verdict
    assert bool(found.expectations[0].fix) == (verdict is Verdict.FAILED)


def test_a_signal_that_no_request_carries_is_inconclusive() -> None:
    nothing = between(0, END, feature_age_s=None)
    claim = {"degradation_at_most": 0.1, "signal": "feature_freshness"}
    found = experiment(treated([FAULT], [nothing], expect=[claim]), Made(changes=(nothing,)))
    assert found.expectations[0].verdict is Verdict.INCONCLUSIVE
    assert found.expectations[0].what == "feature_freshness was not measured"


def test_harm_that_begins_after_a_second_fault_acted_is_the_second_one_s() -> None:
    blind = Injected(A, B, "blind", "monitoring.blind", "service:monitoring")
    dark = Injected(A + HOUR, B, "dark", "store.outage", "store:online")
    found = experiment(treated([blind, dark], [unanswered(A + HOUR, B)]))
    assert [each.outcome for each in found.faults] == [Outcome.ABSORBED, Outcome.SILENT]
    assert found.outcome is Outcome.SILENT


def test_the_same_fault_again_after_recovery_is_judged_by_itself() -> None:
    again = Injected(B + 3 * HOUR, B + 4 * HOUR, "again")
    outage = [OUTAGE, unanswered(B + 3 * HOUR, B + 4 * HOUR)]
    found = experiment(treated([FAULT, again], outage, [Alert(A + 600, B + 60)]))
    assert [each.outcome for each in found.faults] == [Outcome.CAUGHT, Outcome.SILENT]
    assert [each.t_on for each in found.faults] == [A, B + 3 * HOUR]


def test_lines_that_break_the_contract_are_named() -> None:
    lines = journal(Made())
    with pytest.raises(MalformedJournal, match=r"'fault\.applied' line belongs to arm 'ghost'"):
        score([*lines, {"arm": "ghost", "t": 1.0, "kind": "fault.applied", "fault_id": "x"}])
    with pytest.raises(MalformedJournal, match="starts twice"):
        score([*lines, *lines])
    broken = treated([FAULT]).lines()
    broken[0]["spec"]["expect"] = [{"detect_within": "soon"}]
    with pytest.raises(
        MalformedJournal, match=r"arm 'treated' carries a scenario .* expect\.0.*Run the scenario again"
    ):
        score([*lines, *broken])
    del lines[1]["status"]
    with pytest.raises(MalformedJournal, match=r"line 2 of the journal \(request\): field 'status' is missing"):
        score(lines)


def test_who_warmed_up_while_nobody_asked_is_told_what_to_change() -> None:
    claim = Expectation("detect", within_s=1800.0)
    told = unjudged(claim, "the treatment run was not in steady state: availability: no data, expected at least 0.99")
    assert told.fix.startswith("Let the warm-up include hours in which users ask")
    assert unjudged(claim, "availability: 0.5, expected at least 0.99").fix.startswith("Mend what stopped the run")
