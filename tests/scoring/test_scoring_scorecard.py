"""The scorecard as a whole: aggregates, the judge's own tests, canonical bytes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample import sample_journal
from synthetic import END, HOUR, WARMUP, Alert, Injected, Made, journal, treated, unanswered

from harness.journal import encode
from harness.scoring import Scorecard, UnreadableScorecard, score
from harness.scoring.findings import ProfileFinding
from harness.verdict import Outcome

A, B = WARMUP + 2 * HOUR, WARMUP + 6 * HOUR


def profile_of(control_alerts: tuple[Alert, ...], treatment_alerts: tuple[Alert, ...]) -> ProfileFinding:
    treatment = treated([Injected(A, B)], [unanswered(A, B)], treatment_alerts)
    return score(journal(Made(alerts=control_alerts), treatment)).profiles[0]


def test_a_monitor_that_always_alerts_is_punished_by_false_alarms_and_pages() -> None:
    nagging = tuple(Alert(t, t + 300) for t in range(0, int(END), 600))
    honest, always = profile_of((), (Alert(A + 60, B),)), profile_of(nagging, nagging)
    assert always.metric("silent_failure_detection_rate").value == 0
    assert always.metric("false_alarm_rate").value == pytest.approx(144)
    assert always.metric("on_call_pages").grade == "below_p99"
    assert honest.metric("false_alarm_rate").value == 0
    assert honest.metric("silent_failure_detection_rate").value == 1


def test_a_monitor_that_fires_once_and_for_ever_detects_nothing() -> None:
    stuck = (Alert(60.0, None),)
    profile = profile_of(stuck, stuck)
    assert profile.outcomes["silent"] == 1
    assert profile.metric("false_alarm_rate").value == 1


def test_a_monitor_that_never_alerts_is_punished_by_silence() -> None:
    profile = profile_of((), ())
    mttd = profile.metric("mttd")
    assert (mttd.value, mttd.censored, mttd.p95, mttd.grade) == (86400, 1, None, "p99")
    assert mttd.note == "1 of 1 never detected, each counted as 1 d"
    assert profile.metric("silent_failure_detection_rate").grade == "below_p99"


def test_a_run_against_another_seed_finds_nothing() -> None:
    found = score(journal(Made(), treated([Injected(A, B)], seed=8))).experiments[0]
    assert found.outcome is Outcome.ABSORBED


def test_inert_and_inconclusive_faults_are_in_no_denominator() -> None:
    profile = score(journal(Made(), treated([Injected(A, B, touched=0)], [unanswered(A, B)]))).profiles[0]
    for name in ("mttd", "mttr", "silent_failure_detection_rate", "harm"):
        assert profile.metric(name).value is None, name
    assert profile.tier.level is None


def test_profiles_are_labels() -> None:
    """Renaming a profile renames it in the scorecard and changes nothing else."""
    lines = sample_journal()
    names = {"careful": "ad_hoc", "plain": "zz"}
    renamed = [{**line, "profile": names[line["profile"]]} if "profile" in line else line for line in lines]
    text = score(lines).to_json()
    for old, new in names.items():
        text = text.replace(f'"profile": "{old}"', f'"profile": "{new}"')
    assert text == score(renamed).to_json()


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_arms_changes_nothing(random: object) -> None:
    lines = sample_journal()
    arms: dict[str, list[dict[str, object]]] = {}
    for line in lines:
        arms.setdefault(line["arm"], []).append(line)
    order = sorted(arms)
    random.shuffle(order)  # type: ignore[attr-defined]
    assert score([line for arm in order for line in arms[arm]]) == score(lines)


def test_it_reads_what_it_wrote_and_the_journal_s_encoding_changes_nothing() -> None:
    lines = sample_journal()
    scorecard = score(lines)
    assert Scorecard.from_json(scorecard.to_json()) == scorecard
    assert score(json.loads(encode(line)) for line in lines).to_json() == scorecard.to_json()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "expected a scorecard of version 'pipequake.scorecard/3', got None"),
        ('{"schema_version": "pipequake.scorecard/9"}', "got 'pipequake.scorecard/9'"),
        ('{"schema_version": "pipequake.scorecard/3"}', "Field required"),
    ],
)
def test_what_is_no_scorecard_says_what_to_do(text: str, message: str) -> None:
    with pytest.raises(UnreadableScorecard, match="Score the journal again: pipequake score RUN") as caught:
        Scorecard.from_json(text)
    assert message in str(caught.value)


def test_golden_scorecard(golden: Callable[[str, str], None]) -> None:
    golden("scorecard.json", score(sample_journal()).to_json())
