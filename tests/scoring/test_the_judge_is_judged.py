"""Monitors and probes that try to fool the judge, on journals made by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from synthetic import END, HOUR, WARMUP, Alert, Injected, Made, jitter, journal, treated, unanswered

from harness.scoring import Scorecard, score
from harness.scoring.findings import ProfileFinding
from harness.verdict import Outcome, Verdict

A, B = WARMUP + 2 * HOUR, WARMUP + 6 * HOUR
FAULT = Injected(A, B)
OUTAGE = unanswered(A, B)


def run(control: tuple[Alert, ...], treatment: tuple[Alert, ...]) -> ProfileFinding:
    arms = [Made(alerts=control), treated([FAULT], [OUTAGE], treatment)]
    return score(journal(*arms)).profiles[0]


def test_always_alerting_loses_by_false_alarms_pages_and_precision_and_wins_nothing() -> None:
    nagging = tuple(Alert(t, t + 300) for t in range(0, int(END), 600))
    honest, always = run((), (Alert(A + 60, B),)), run(nagging, nagging)
    assert always.metric("false_alarm_rate").value == pytest.approx(144)
    assert always.metric("on_call_pages").grade == "below_p99"
    assert always.metric("alert_precision").value == 0
    assert always.metric("silent_failure_detection_rate").value == 0
    assert (honest.metric("false_alarm_rate").value, honest.metric("alert_precision").value) == (0, 1)


def test_never_alerting_loses_by_silence_and_time() -> None:
    never, honest = run((), ()), run((), (Alert(A + 60, B),))
    assert never.outcomes["silent"] == 1
    assert never.metric("mttd").value == 86400
    assert never.metric("mttd").censored == 1
    assert (never.tier.level, honest.tier.level) == (0, 0)
    assert never.metric("silent_failure_detection_rate").value == 0
    assert honest.metric("mttd").value == 60


@pytest.mark.parametrize("rate_a_day", [0.0, 0.5, 2.0])
def test_a_control_against_a_control_detects_at_the_false_alarm_rate_and_no_more(rate_a_day: float) -> None:
    runs = 60
    window = (B - A + 12 * HOUR) / (24 * HOUR)
    expected = 1 - math.exp(-rate_a_day * window)
    error = math.sqrt(expected * (1 - expected) / runs)
    assert aa_detections(rate_a_day, runs) == pytest.approx(expected, abs=3 * error + 1e-9)


def aa_detections(rate_a_day: float, runs: int) -> float:
    """The share of fault-free runs in which an alert is attributed to a fault that does nothing."""
    arms = []
    for seed in range(runs):
        control = Made(arm=f"control-{seed}", seed=seed, alerts=at_random(rate_a_day, 2 * seed), every_s=900.0)
        alerts = at_random(rate_a_day, 2 * seed + 1)
        more = {"arm": f"treated-{seed}", "seed": seed, "control": control.arm, "every_s": 900.0}
        arms += [control, treated([FAULT], [jitter(0.005, seed)], alerts, **more)]
    found = score(journal(*arms))
    assert {experiment.outcome for experiment in found.experiments} == {Outcome.ABSORBED}
    return sum(bool(e.faults[0].detection and e.faults[0].detection.first) for e in found.experiments) / runs


def old_by_nature(seed: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Features are old for two hours, fresh again for most users in the next: which ones depends on the seed."""
    draws = np.random.default_rng(seed)

    def change(record: dict[str, Any]) -> dict[str, Any]:
        hours = (record["sent"] - A) / HOUR
        old = 0 <= hours < 2 or (2 <= hours < 4 and draws.random() < 0.5)
        return {**record, "feature_age_s": 3 * HOUR if old else 600.0}

    return change


def test_what_seeds_differ_by_is_no_harm_where_they_differ_by_nature_and_is_elsewhere() -> None:
    def judged(*changes: Callable[[dict[str, Any]], dict[str, Any]]) -> list[Outcome]:
        outcomes = []
        for seed in range(12):
            arms = [Made(arm=name, seed=n, changes=(old_by_nature(100 * seed + n),)) for n, name in enumerate(NAMES)]
            mine = (old_by_nature(100 * seed + 50), *changes)
            found = score(journal(*arms, treated([FAULT], mine, reference=NAMES[1:])))
            outcomes.append(found.experiments[0].outcome)
        return outcomes

    def all_old(record: dict[str, Any]) -> dict[str, Any]:
        later = A + 5 * HOUR <= record["sent"] < A + 6 * HOUR
        return {**record, "feature_age_s": 3 * HOUR} if later else record

    assert set(judged()) == {Outcome.ABSORBED}
    assert set(judged(all_old)) == {Outcome.SILENT}


NAMES = ("control", "other")


def test_a_system_that_is_not_steady_again_fails_and_says_so() -> None:
    late = {"arm": "treated", "t": END, "kind": "steady_state.after", "ok": False, "reasons": ["availability: 0.2"]}
    lines = journal(Made(), treated([FAULT], [], [Alert(A + 60, B)]))
    end = next(n for n, line in enumerate(lines) if line["kind"] == "arm.end" and line["arm"] == "treated")
    found = score([*lines[:end], late, *lines[end:]])
    assert found.experiments[0].unsteady_after == ("availability: 0.2",)
    assert found.verdict is Verdict.FAILED
    assert found.experiments[0].expectations[-1].what == "availability: 0.2"
    assert score(lines).experiments[0].unsteady_after is None
    assert score([*lines[:end], {**late, "ok": True, "reasons": []}, *lines[end:]]).verdict is Verdict.PASSED


def at_random(rate_a_day: float, seed: int) -> tuple[Alert, ...]:
    draws = np.random.default_rng(seed)
    count = draws.poisson(rate_a_day * END / (24 * HOUR))
    times = sorted(draws.uniform(0, END, count))
    return tuple(Alert(float(t), float(t) + 60, f"Noise{seed}-{i}") for i, t in enumerate(times))


def test_a_fault_that_touches_nothing_is_inert_whatever_alerts() -> None:
    found = score(journal(Made(), treated([Injected(A, B, touched=0)], [OUTAGE], [Alert(A + 60, B)])))
    assert found.experiments[0].outcome is Outcome.INERT
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.profiles[0].metric("mttd").value is None


@pytest.mark.parametrize(
    "arm",
    [
        treated([FAULT], [OUTAGE], [Alert(A + 60, B)], reason="error", ends=B),
        treated([FAULT], [OUTAGE], [Alert(A + 60, B)], reason=None),
        treated([FAULT], [OUTAGE], [Alert(A + 60, B)], drop=lambda record: True),
        treated([FAULT], [OUTAGE], [Alert(A + 60, B)], drop=lambda record: record["sent"] > A),
        treated([FAULT], [OUTAGE], [Alert(A + 60, B)], steady=False),
    ],
    ids=["crashed", "torn", "no requests", "requests missing", "unsteady"],
)
def test_what_broke_on_the_way_is_inconclusive_and_counts_nowhere(arm: Made) -> None:
    found: Scorecard = score(journal(Made(), arm))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.experiments[0].outcome is Outcome.UNKNOWN
    metrics = {metric.name: metric.value for metric in found.profiles[0].metrics}
    assert {name for name, value in metrics.items() if value is not None} == {"false_alarm_rate", "on_call_pages"}
    assert found.profiles[0].tier.level is None


def test_absorbed_faults_did_no_harm_however_long_noise_is_added_up() -> None:
    noisy = [jitter(0.04)]
    found = score(journal(Made(), Made(arm="other", seed=8, changes=(jitter(0.05, 3),)), treated([FAULT], noisy)))
    assert found.experiments[0].outcome is Outcome.ABSORBED
    assert found.experiments[0].faults[0].harm == 0
    assert next(signal.area for signal in found.experiments[0].signals if signal.signal == "total") == 0


def test_a_number_that_is_no_probability_is_as_bad_as_no_answer() -> None:
    def raw(record: dict[str, object]) -> dict[str, object]:
        return {**record, "p": -7.0} if A <= float(str(record["sent"])) < B else record

    harms = [score(journal(Made(), treated([FAULT], [c]))).experiments[0].faults[0].harm for c in (raw, OUTAGE)]
    assert harms[0] == pytest.approx(harms[1], rel=1e-6)


def test_getting_better_shortly_before_the_fault_goes_is_no_mitigation() -> None:
    almost = score(journal(Made(), treated([FAULT], [unanswered(A, B - 300)], [Alert(A + 60, B)])))
    early = score(journal(Made(), treated([FAULT], [unanswered(A, B - 3 * HOUR)], [Alert(A + 60, B)])))
    rates = [card.profiles[0].metric("automated_recovery_rate").value for card in (almost, early)]
    assert rates == [0, 1]
