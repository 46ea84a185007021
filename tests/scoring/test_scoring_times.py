"""Onset, detection and recovery: which moments count."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import (
    END,
    HOUR,
    WARMUP,
    Alert,
    Injected,
    Made,
    Record,
    between,
    jitter,
    journal,
    treated,
    unanswered,
    worse,
)

from harness.scoring import Policy, score
from harness.scoring.findings import Detection, FaultFinding, Grade, Recovery, RecoveryKind
from harness.verdict import Verdict

A, B = WARMUP + 2 * HOUR, WARMUP + 6 * HOUR
FAULT = Injected(A, B)
OUTAGE = unanswered(A, B)


def fault(treatment: Made, *others: Made, policy: Policy | None = None) -> FaultFinding:
    return score(journal(*(others or (Made(),)), treatment), policy).experiments[0].faults[0]


def detection(*args: object, **more: object) -> Detection:
    found = fault(*args, **more).detection  # type: ignore[arg-type]
    assert found is not None
    return found


def recovery(*args: object, **more: object) -> Recovery:
    found = fault(*args, **more).recovery  # type: ignore[arg-type]
    assert found is not None
    return found


def test_an_alert_that_the_control_raises_too_does_not_count() -> None:
    alert = Alert(A + 600, B)
    assert detection(treated([FAULT], [OUTAGE], [alert]), Made(alerts=(alert,))).first is None


def test_an_alert_that_fired_before_the_fault_does_not_count_nor_does_its_repetition() -> None:
    early = [Alert(A - 60, B), Alert(A + 60, B)]
    assert detection(treated([FAULT], [OUTAGE], early)).first is None


def test_the_same_name_with_other_labels_is_another_alert() -> None:
    elsewhere = Alert(A + 600, B, labels=(("feed", "planes"),))
    found = detection(treated([FAULT], [OUTAGE], [Alert(A + 600, B)]), Made(alerts=(elsewhere,)))
    assert found.time_to_detect_s == 600


def test_the_same_name_at_another_component_is_another_alert() -> None:
    """What is down is said by the component alone: `ServiceDown` has no labels."""
    other, own = Alert(A - 60, B, "ServiceDown", "registry", labels=()), Alert(A + 600, B, "ServiceDown", labels=())
    beside = detection(treated([FAULT], [OUTAGE], [other, own]), Made(alerts=(other,)))
    assert (beside.time_to_detect_s, [alert.component for alert in beside.alerts]) == (600, ["ingestion"])
    in_control = Alert(A + 600, B, "ServiceDown", "registry", labels=())
    assert detection(treated([FAULT], [OUTAGE], [own]), Made(alerts=(in_control,))).time_to_detect_s == 600
    brief = Alert(A + 60, A + 120, "ServiceDown", "registry", labels=())
    both = detection(treated([FAULT], [OUTAGE], [Alert(A, B, "ServiceDown", "serving", labels=()), brief]))
    assert [(alert.component, alert.t_resolved) for alert in both.alerts] == [("serving", B), ("registry", A + 120)]


def test_an_alert_long_after_the_harm_does_not_count() -> None:
    policy = Policy(attribution_s=HOUR)
    late = treated([FAULT], [OUTAGE], [Alert(B + 2 * HOUR, None)])
    assert detection(late, policy=policy).first is None
    assert detection(late).time_to_detect_s == B + 2 * HOUR - A


def test_an_alert_during_harm_that_stayed_behind_counts() -> None:
    policy = Policy(attribution_s=HOUR)
    poisoned = treated([FAULT], [unanswered(A, B + 5 * HOUR)], [Alert(B + 4 * HOUR, None)])
    assert detection(poisoned, policy=policy).first is not None


def test_an_informative_line_is_no_alert() -> None:
    assert detection(treated([FAULT], [OUTAGE], [Alert(A + 60, B, severity="info")])).first is None


@pytest.mark.parametrize(
    ("component", "grade"),
    [
        ("ingestion", Grade.LOCALISED),
        ("weather", Grade.LOCALISED),
        ("serving", Grade.DETECTED),
        ("their-own-service", Grade.DETECTED),
        ("orchestration", Grade.WRONG_REASON),
    ],
)
def test_grades_by_component(component: str, grade: Grade) -> None:
    assert detection(treated([FAULT], [OUTAGE], [Alert(A + 60, B, component=component)])).grade is grade


def test_the_scenario_may_name_the_right_component_itself() -> None:
    claim = [{"detect_within": "1h", "component": "orchestration"}]
    found = detection(treated([FAULT], [OUTAGE], [Alert(A + 60, B, component="orchestration")], claim))
    assert found.grade is Grade.LOCALISED


def test_the_best_grade_holds_and_the_first_alert_gives_the_time() -> None:
    alerts = [Alert(A + 60, B, "ErrorRate", "serving"), Alert(A + 600, B)]
    found = detection(treated([FAULT], [OUTAGE], alerts))
    assert (found.grade, found.time_to_detect_s) == (Grade.LOCALISED, 60)
    assert found.localised_by is not None
    assert found.localised_by.name == "SourceStale"


def test_harm_before_detection_is_a_part_of_the_harm() -> None:
    found = fault(treated([FAULT], [OUTAGE], [Alert(A + 2 * HOUR, B)]))
    assert found.detection is not None
    assert 0.4 < found.detection.harm_before / found.harm < 0.6


def test_users_are_back_before_the_incident_is_over_and_time_counts_from_detection() -> None:
    found = recovery(treated([FAULT], [OUTAGE], [Alert(A + 600, B + 900)]))
    assert found.kind is RecoveryKind.RECOVERED
    assert (found.t_back, found.t_rec, found.time_to_recover_s) == (B, B + 900, B - A - 600)
    assert (found.from_effect_s, found.from_removal_s) == (B - A, 900)


def test_an_alert_that_never_resolves_is_no_recovery() -> None:
    found = recovery(treated([FAULT], [OUTAGE], [Alert(A + 600, None)]))
    assert (found.kind, found.t_back, found.t_rec) == (RecoveryKind.UNCONFIRMED, B, None)
    assert found.why == "users were back in band, but alerts never resolved: SourceStale"


def test_an_alert_that_the_control_takes_over_is_resolved_there() -> None:
    """From 4 h after the fault's end the control fires the same alert, for as long as the treatment does."""
    nightly = Alert(B + 4 * HOUR, None)
    found = recovery(treated([FAULT], [OUTAGE], [Alert(A + 600, None)]), Made(alerts=(nightly,)))
    assert (found.kind, found.t_rec) == (RecoveryKind.RECOVERED, B + 4 * HOUR)


def test_an_alert_after_quiet_does_not_undo_the_recovery() -> None:
    alerts = [Alert(A + 600, B + 60), Alert(B + 5 * HOUR, None, "Afterthought")]
    assert recovery(treated([FAULT], [OUTAGE], alerts)).t_rec == B + 60
    flapping = [Alert(A + 600, B + 60), Alert(B + HOUR, B + 2 * HOUR)]
    assert recovery(treated([FAULT], [OUTAGE], flapping)).t_rec == B + 2 * HOUR


def test_an_undetected_fault_recovers_from_its_first_effect() -> None:
    found = recovery(treated([FAULT], [OUTAGE]))
    assert (found.time_to_recover_s, found.from_removal_s) == (B - A, 0)


def test_harm_that_ends_under_the_fault_is_mitigated() -> None:
    found = recovery(treated([FAULT], [unanswered(A, A + HOUR)], [Alert(A + 600, B + 60)]))
    assert (found.kind, found.from_effect_s, found.from_removal_s) == (RecoveryKind.MITIGATED, HOUR, 0)


def test_a_detection_after_the_recovery_does_not_make_it_instant() -> None:
    found = recovery(treated([FAULT], [unanswered(A, A + HOUR)], [Alert(A + 2 * HOUR, B)]))
    assert found.time_to_recover_s == HOUR


def test_a_relapse_moves_the_recovery_behind_it() -> None:
    found = recovery(treated([FAULT], [OUTAGE, unanswered(B + 4 * HOUR, B + 5 * HOUR)]))
    assert found.relapsed
    assert found.t_rec == B + 5 * HOUR


def test_harm_until_the_end_never_recovers() -> None:
    found = recovery(treated([FAULT], [unanswered(A, END)]))
    assert (found.kind, found.t_rec) == (RecoveryKind.NEVER, None)
    assert found.watched_s == END - A


def test_a_loss_too_small_for_any_bin_is_found_in_the_whole_window() -> None:
    other = Made(arm="other", seed=8, changes=(jitter(0.05),))
    found = fault(treated([Injected(A, None)], [worse(A, END, 0.2)], reference=("other",)), Made(), other)
    quality = next(harm for harm in found.signals if harm.signal == "quality")
    assert quality.sustained
    assert quality.t_on is not None
    assert quality.t_on - A < 2 * HOUR
    assert found.recovery is not None
    assert found.recovery.kind is RecoveryKind.NEVER


def test_one_lost_request_is_no_incident_and_two_in_a_bin_are() -> None:
    assert fault(treated([FAULT], [unanswered(A + 90, A + 180)])).t_on is None
    assert fault(treated([FAULT], [unanswered(A + 90, A + 270)])).t_on == A + 90


@pytest.mark.parametrize(
    ("change", "signal"),
    [
        ({"latency_ms": 1001.0}, "latency"),
        ({"feature_age_s": 7201.0}, "feature_freshness"),
        ({"model_age_s": 26 * HOUR + 1}, "model_freshness"),
        ({"status": 503}, "availability"),
        ({"p": None}, "availability"),
    ],
)
def test_each_signal_alone_makes_harm(change: dict[str, object], signal: str) -> None:
    found = fault(treated([FAULT], [between(A, B, **change)]))
    assert [harm.signal for harm in found.signals if harm.decides and harm.t_on is not None] == [signal]


def test_noise_between_seeds_raises_the_bar() -> None:
    slow = between(A, A + 450, latency_ms=2000.0)
    noisy = Made(arm="other", seed=8, changes=(between(WARMUP, END, latency_ms=2000.0),))
    bare = treated([FAULT], [slow])
    assert fault(bare).t_on == A
    assert fault(treated([FAULT], [slow], reference=("other",)), Made(), noisy).t_on is None
    quiet = Made(arm="other", seed=8, changes=(jitter(0.001),))
    assert fault(treated([FAULT], [slow], reference=("other",)), Made(), quiet).t_on == A


@settings(max_examples=15, deadline=None)
@given(steps=st.integers(-60, 400), lasting=st.integers(5, 100), wait=st.integers(1, 60))
def test_shifting_the_fault_shifts_every_time_and_no_duration(steps: int, lasting: int, wait: int) -> None:
    """All times are multiples of the workload's period, so that nothing hides in rounding."""

    def times(start: float) -> list[float | None]:
        end = start + 90.0 * lasting
        alert = Alert(start + 90.0 * wait, end + 7200)
        found = fault(treated([Injected(start, end)], [unanswered(start, end)], [alert]))
        assert found.detection is not None
        assert found.recovery is not None
        moments = [found.t_act, found.t_on, found.t_end, found.recovery.t_rec]
        shifted = [None if moment is None else moment - start for moment in moments]
        return [*shifted, found.detection.time_to_detect_s, found.recovery.time_to_recover_s]

    assert times(A + 90.0 * steps) == times(A)


@pytest.mark.parametrize("healthy_bins", [1, 2])
def test_a_recovery_that_the_end_cuts_off_is_neither_sure_nor_never(healthy_bins: int) -> None:
    until = END - healthy_bins * 1800
    hurt = treated([FAULT], [unanswered(A, until)], [Alert(A + 600, B)], [{"recover_within": "1h"}])
    card = score(journal(Made(), hurt))
    found = recovery(hurt)
    assert (found.kind, found.t_back, found.t_rec) == (RecoveryKind.UNCONFIRMED, until, None)
    for name, since in (("mttr", A + 600), ("incident_duration", A)):
        metric = card.profiles[0].metric(name)
        assert (metric.value, metric.censored, metric.longest) == (END - since, 1, END - since)
        assert metric.note == "1 of 1 seemed over when the watch ended, each counted until then"
    assert card.profiles[0].metric("automated_recovery_rate").value == 0
    assert card.experiments[0].expectations[0].verdict is Verdict.FAILED, "they were back hours too late"


def test_an_alert_that_still_fires_at_the_end_counts_until_then_and_fails_the_claim() -> None:
    hurt = treated([FAULT], [OUTAGE], [Alert(A + 600, None)], [{"recover_within": "1h"}])
    card = score(journal(Made(), hurt))
    assert card.profiles[0].metric("mttr").value == END - A - 600
    assert card.experiments[0].expectations[0].verdict is Verdict.FAILED


def test_users_who_were_back_in_time_are_not_failed_for_a_night_without_requests() -> None:
    def night(record: Record) -> bool:
        return record["sent"] >= B + HOUR

    quiet = {"drop": night, "ends": B + 8 * HOUR}
    hurt = treated([FAULT], [unanswered(A, B + 600)], [Alert(A + 600, B)], [{"recover_within": "30m"}], **quiet)
    card = score(journal(Made(drop=night), hurt))
    assert card.experiments[0].expectations[0].verdict is Verdict.INCONCLUSIVE
