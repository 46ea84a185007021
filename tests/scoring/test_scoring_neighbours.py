"""Faults beside each other, and what is missing: what belongs to whom, and what can't be told."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
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

from harness.scoring import MalformedJournal, Policy, score
from harness.scoring.comparison import Side, compare
from harness.scoring.cost import Rates
from harness.scoring.findings import ExperimentFinding, RecoveryKind
from harness.scoring.scorecard import Scorecard
from harness.verdict import Outcome, Verdict

START = WARMUP + 2 * HOUR
REFERENCE = Made(arm="reference", seed=8, changes=(jitter(0.01),))
UNLABELLED = between(0, END, y=None)


def card(treatment: Made, *, control: Made | None = None, reference: Made = REFERENCE, **options: Any) -> Scorecard:
    treatment = dataclasses.replace(treatment, reference=("reference",))
    return score(journal(control or Made(), reference, treatment), **options)


def judged(treatment: Made, **more: Any) -> ExperimentFinding:
    return card(treatment, **more).experiments[0]


def outcomes(found: ExperimentFinding) -> list[str]:
    return [fault.outcome.value for fault in found.faults]


def verdicts(found: ExperimentFinding) -> list[Verdict]:
    return [finding.verdict for finding in found.expectations]


@pytest.mark.parametrize("offset_s", [0.0, 0.5, 600.0, 1234.5])
def test_harm_that_begins_with_the_next_fault_is_not_the_one_befores(offset_s: float) -> None:
    second = START + 3 * HOUR + offset_s
    faults = [Injected(START, START + HOUR, "a"), Injected(second, second + HOUR, "b", "store.outage", "store:store")]
    found = judged(treated(faults, [unanswered(second, second + HOUR)]))
    assert outcomes(found) == ["absorbed", "silent"]


def test_harm_that_ends_before_the_next_fault_is_not_its() -> None:
    faults = [
        Injected(START, START + HOUR + 600, "a", "store.outage", "store:store"),
        Injected(START + HOUR + 900, START + 3 * HOUR, "b"),
    ]
    found = judged(treated(faults, [unanswered(START, START + HOUR + 600)]))
    assert outcomes(found) == ["silent", "absorbed"]
    recovery = found.faults[0].recovery
    assert recovery is not None
    assert recovery.kind is RecoveryKind.RECOVERED, "users were well after the second fault acted too"
    assert recovery.t_back == pytest.approx(START + HOUR + 600, abs=100)


def test_a_request_that_was_under_way_when_a_fault_acted_is_that_faults() -> None:
    sent = START + HOUR  # requests are sent every 90 s, and are answered after 0.05 s
    faults = [
        Injected(START, START + 3 * HOUR, "glass", "network.partition", "link:monitoring->serving"),
        Injected(sent + 0.0005, START + 2 * HOUR, "cut", "network.partition", "link:serving->store"),
    ]
    found = judged(treated(faults, [unanswered(sent, START + 2 * HOUR)]))
    assert outcomes(found) == ["absorbed", "silent"]


def test_an_alert_in_a_later_faults_window_is_not_the_earlier_ones() -> None:
    faults = [
        Injected(START, START + 2 * HOUR, "a", "data.unit_change", "feed:weather"),
        Injected(START + 7 * HOUR, START + 8 * HOUR, "b", "freshness.freeze", "feed:flights"),
    ]
    alert = Alert(START + 7 * HOUR + 300, START + 8 * HOUR, labels=(("feed", "flights"),))
    harmed = [worse(START, START + 2 * HOUR)]
    found = judged(treated(faults, harmed, [alert], [{"outcome": "silent", "fault": "a"}]))
    assert (outcomes(found), found.verdict) == (["silent", "absorbed"], Verdict.PASSED)
    for_good = card(
        treated(faults, [worse(START, END)], [alert]),
        rates=Rates.model_validate({"engineer_hour": 100, "incidents_a_year": {"data": 12}}),
    )
    assert all(f.recovery is not None and f.recovery.watched_s >= 0 for f in for_good.experiments[0].faults)
    cost = for_good.profiles[0].cost
    assert cost is not None
    assert cost.recovery >= 0


def test_harm_of_two_faults_at_once_is_not_added_up_twice() -> None:
    """Two hours alone, one together, and one of the second alone: four hours without an answer."""
    faults = [
        Injected(START, START + 3 * HOUR, "a", "store.outage", "store:store"),
        Injected(START + 2 * HOUR, START + 4 * HOUR, "b", "process.kill", "service:serving"),
    ]
    alert = Alert(START + 150 * 60, START + 4 * HOUR, labels=())
    whole = card(
        treated(faults, [UNLABELLED, unanswered(START, START + 4 * HOUR)], [alert]),
        control=Made(changes=(UNLABELLED,)),
        reference=Made(arm="reference", seed=8, changes=(UNLABELLED,)),
        rates=Rates.model_validate({"outage_hour": 100, "incidents_a_year": {"store": 1, "process": 1}}),
    )
    found = whole.experiments[0]
    first, second = found.faults
    assert outcomes(found) == ["caught", "caught"], "it may be the doing of each"
    assert (first.harm, second.harm) == pytest.approx((3.0, 1.0))
    assert (first.shared_with, second.shared_with) == (("b",), ("a",))
    assert [f.detection and f.detection.harm_before for f in found.faults] == pytest.approx([2.25, 0.25])
    assert whole.profiles[0].metric("harm").value == pytest.approx(2.0), "four hours, over two faults"
    cost = whole.profiles[0].cost
    assert cost is not None
    assert cost.revenue == pytest.approx(400.0)


@pytest.mark.parametrize("minutes", [0, 1, 7.5, 15, 22.5, 29])
def test_harm_does_not_depend_on_where_in_a_bin_a_fault_acts(minutes: float) -> None:
    """Three quarters of an hour without an answer, whatever the phase."""
    acts = START + 60 * minutes
    whole = [UNLABELLED, unanswered(acts, acts + 0.75 * HOUR)]
    bare = {"control": Made(changes=(UNLABELLED,)), "reference": Made(arm="reference", seed=8, changes=(UNLABELLED,))}
    found = judged(treated([Injected(acts, acts + 0.75 * HOUR)], whole, [Alert(acts + 0.375 * HOUR, END)]), **bare)
    total, *_, available = (signal for signal in found.signals if signal.signal in ("total", "availability"))
    of_fault = next(signal for signal in found.faults[0].signals if signal.signal == "total")
    assert found.faults[0].harm == pytest.approx(0.75, abs=0.03), "a request more or less in the half hour"
    assert [total.area, available.area, of_fault.area] == pytest.approx([found.faults[0].harm] * 3, abs=1e-6)
    assert found.faults[0].detection is not None
    assert found.faults[0].detection.harm_before == pytest.approx(0.375, abs=0.05)


def test_harm_in_a_bin_that_a_later_fault_cuts_is_all_accounted_for() -> None:
    """The first fault's harm lasts until the second, in the middle of a half hour."""
    cut = START + HOUR + 600
    faults = [Injected(START + 300, START + HOUR, "a"), Injected(cut, cut + HOUR, "b")]
    bare = {"control": Made(changes=(UNLABELLED,)), "reference": Made(arm="reference", seed=8, changes=(UNLABELLED,))}
    found = judged(treated(faults, [UNLABELLED, unanswered(START + 300, cut + HOUR)]), **bare)
    total = next(signal for signal in found.signals if signal.signal == "total")
    assert sum(fault.harm for fault in found.faults) == pytest.approx(total.area, abs=1e-5)
    assert total.area == pytest.approx((cut + HOUR - START - 300) / HOUR, abs=0.03)


CLAIMS: Sequence[Record] = [{"outcome": "absorbed"}, {"recover_within": "1h"}]
OUTAGE = Injected(START, START + 2 * HOUR, "a", "store.outage", "store:store")


def test_a_fault_whose_time_was_not_seen_is_not_absorbed() -> None:
    lost = treated([OUTAGE], [], [], CLAIMS, drop=lambda record: START <= record["sent"] < START + 2 * HOUR)
    found = judged(lost)
    assert (found.verdict, outcomes(found)) == (Verdict.INCONCLUSIVE, ["unknown"])
    assert "only 0 % of the control's requests while a was in effect" in found.reasons[0]


def test_requests_under_way_when_a_run_is_stopped_are_no_gap() -> None:
    fault = dataclasses.replace(OUTAGE, ends=START + HOUR)
    stopped = treated([fault], [unanswered(START, START + HOUR - 600)], reason="stopped", ends=START + HOUR)
    cut = dataclasses.replace(stopped, drop=lambda record: record["sent"] >= START + HOUR - 600)
    assert outcomes(judged(cut)) == ["silent"]


def test_a_control_that_answers_nothing_is_no_measure() -> None:
    down = unanswered(WARMUP, END)
    found = judged(treated([OUTAGE], [down], [], CLAIMS), control=Made(changes=(down,)))
    assert found.verdict is Verdict.INCONCLUSIVE
    early = judged(treated([OUTAGE], [], [], CLAIMS), control=Made(ends=START - HOUR))
    assert early.verdict is Verdict.INCONCLUSIVE


def test_without_labels_nobody_knows_whether_predictions_got_worse() -> None:
    bare = {"control": Made(changes=(UNLABELLED,)), "reference": Made(arm="reference", seed=8, changes=(UNLABELLED,))}
    found = judged(treated([OUTAGE], [UNLABELLED], [], CLAIMS[:1]), **bare)
    assert verdicts(found) == [Verdict.INCONCLUSIVE]
    out = judged(treated([OUTAGE], [UNLABELLED, unanswered(START, START + 2 * HOUR)]), **bare)
    assert out.faults[0].harm == pytest.approx(2.0), "two hours without an answer are two hours"


@pytest.mark.parametrize("reason", ["horizon", "stopped"])
def test_what_came_after_the_control_s_end_was_not_absorbed(reason: str) -> None:
    late = treated([OUTAGE], [unanswered(START + 3 * HOUR, START + 4 * HOUR)], [], CLAIMS)
    found = judged(late, control=Made(ends=START + 2 * HOUR, reason=reason))
    assert set(verdicts(found)) == {Verdict.INCONCLUSIVE}
    assert found.reasons[0].startswith("the control run ended before the treatment's")


@pytest.mark.parametrize("until", [START + 4 * HOUR, END])
@pytest.mark.parametrize("in_both", [True, False])
def test_labels_of_other_times_tell_nothing_of_a_fault(until: float, in_both: bool) -> None:
    unknown = between(START + 60, until, y=None)
    claims = [*CLAIMS[:1], {"degradation_at_most": 0.01, "signal": "quality"}]
    fault = dataclasses.replace(OUTAGE, ends=START + 4 * HOUR)
    # The next fault ends the time of the first.
    then = Injected(START + 4 * HOUR, END, "then", "process.kill", "service:serving")
    claims[0] = {**claims[0], "fault": fault.id}
    control = Made(changes=(unknown,)) if in_both else None
    found = judged(treated([fault, then], [unknown], [], claims), control=control)
    assert verdicts(found) == [Verdict.INCONCLUSIVE] * 2
    known = judged(treated([fault, then], [], [], claims))
    assert verdicts(known) == [Verdict.PASSED] * 2


def test_faults_that_were_seen_only_as_they_were_removed_are_beside_each_other() -> None:
    brief = [Injected(START, START, "a"), Injected(START, START, "b", "store.outage", "store:store")]
    found = judged(treated(brief, [unanswered(START, START + HOUR)]))
    assert outcomes(found) == ["silent", "silent"]
    assert found.faults[0].harm == found.faults[1].harm > 0


@pytest.mark.parametrize("how", [{"reason": "stopped", "ends": START + 90}, {"ends": START + 90}])
def test_who_was_not_watched_was_not_spared(how: dict[str, Any]) -> None:
    found = judged(treated([dataclasses.replace(OUTAGE, ends=None)], [unanswered(START, END)], [], CLAIMS, **how))
    assert set(verdicts(found)) == {Verdict.INCONCLUSIVE}


def test_who_never_asked_under_a_fault_was_not_spared() -> None:
    def night(record: Record) -> bool:
        return record["sent"] >= START + 4 * HOUR

    late = Injected(START + 5 * HOUR, START + 8 * HOUR)
    quiet = {"control": Made(drop=night), "reference": dataclasses.replace(REFERENCE, drop=night)}
    found = judged(treated([late], [], [Alert(START + 6 * HOUR, None)], CLAIMS, drop=night), **quiet)
    assert (outcomes(found), found.verdict) == (["unknown"], Verdict.INCONCLUSIVE)
    assert Verdict.PASSED not in verdicts(found)


def test_a_first_effect_at_the_very_end_is_not_inert() -> None:
    found = judged(treated([dataclasses.replace(OUTAGE, acts=END, ends=None)], [], [], [{"outcome": "inert"}]))
    assert (outcomes(found), found.verdict) == (["unknown"], Verdict.INCONCLUSIVE)


@pytest.mark.parametrize("pull", [0.45, 0.55])
def test_a_crashed_reference_widens_no_band(pull: float) -> None:
    hurt = treated([dataclasses.replace(OUTAGE, ends=START + 6 * HOUR)], [worse(START, START + 6 * HOUR, pull)])
    crashed = Made(arm="reference", seed=8, reason="error", ends=WARMUP - 60)
    assert outcomes(judged(hurt)) == outcomes(judged(hurt, reference=crashed)) == ["silent"]


@pytest.mark.parametrize(("ends_s", "expected"), [(55 * 60, Verdict.INCONCLUSIVE), (4 * HOUR, Verdict.PASSED)])
def test_a_recovery_that_nobody_could_confirm_yet_is_no_failure(ends_s: float, expected: Verdict) -> None:
    end = START + HOUR + ends_s
    claims = [{"recover_within": "30m"}]
    hurt = treated([Injected(START, START + HOUR)], [unanswered(START, START + HOUR)], [], claims, ends=end)
    assert verdicts(judged(hurt)) == [expected]


def test_an_alert_that_gets_worse_counts_from_then() -> None:
    labels = {"name": "StoreSlow", "component": "store", "labels": ()}
    quiet = Alert(START + 60, None, severity="info", **labels)  # type: ignore[arg-type]
    loud = Alert(START + 300, START + 3 * HOUR, severity="critical", **labels)  # type: ignore[arg-type]
    found = judged(treated([OUTAGE], [unanswered(START, START + 2 * HOUR)], [quiet, loud])).faults[0]
    assert found.detection is not None
    assert (found.outcome, found.detection.time_to_detect_s) == (Outcome.CAUGHT, 300.0)
    warned = dataclasses.replace(quiet, severity="warning")
    found = judged(treated([OUTAGE], [unanswered(START, START + 2 * HOUR)], [warned, loud])).faults[0]
    assert found.detection is not None
    assert found.detection.first is not None
    assert (found.detection.time_to_detect_s, found.detection.first.severity) == (60.0, "critical")


def test_an_alert_of_two_faults_is_one_page() -> None:
    faults = [
        Injected(START, START + 2 * HOUR, "a", "data.unit_change", "feed:weather"),
        Injected(START + 60, START + 2 * HOUR, "b", "data.unit_change", "feed:flights"),
    ]
    rates = Rates.model_validate({"page": 40, "incidents_a_year": {"data": 2}})
    found = card(treated(faults, [], [Alert(START + 300, START + HOUR, labels=())]), rates=rates).profiles[0]
    assert found.cost is not None
    assert found.cost.pages == pytest.approx(40.0), "two faults a year, of which both together page once"
    assert (found.metric("alert_precision").n, found.metric("pages_per_incident").value) == (1, 0.5)


def test_one_healthy_request_before_nobody_asks_is_no_mitigation() -> None:
    def night(record: Record) -> bool:
        return START + HOUR <= record["sent"] < START + 5 * HOUR and record["sent"] != START + HOUR + 90

    found = judged(
        treated([dataclasses.replace(OUTAGE, ends=START + 5 * HOUR)], [unanswered(START, START + HOUR)], drop=night),
        control=Made(drop=night),
        reference=dataclasses.replace(REFERENCE, drop=night),
    ).faults[0]
    assert found.recovery is not None
    assert found.recovery.kind is RecoveryKind.RECOVERED


def side(count: int, *, crashed: int = 0, params: Record | None = None) -> Side:
    arms = [Made(), REFERENCE]
    for number in range(count):
        how: Record = {"reason": "error", "ends": START + HOUR} if number < crashed else {}
        arms.append(
            treated(
                [OUTAGE],
                [],
                [Alert(START + 60, START + 2 * HOUR)],
                [{"detect_within": "1h"}],
                arm=f"t{number}",
                scenario=f"s{number}",
                reference=("reference",),
                **how,
            )
        )
    lines = journal(*arms)
    if params:
        lines = [{**line, "params": params} if line["kind"] == "fault.intent" else line for line in lines]
    found = score(lines)
    return Side.of(found, found.profiles[0], "side")


def test_a_comparison_with_what_says_nothing_any_more_is_inconclusive() -> None:
    assert compare(side(4), side(4), Policy()).verdict is Verdict.PASSED
    assert compare(side(4), side(4, crashed=3), Policy()).verdict is Verdict.INCONCLUSIVE


def test_faults_with_other_parameters_are_not_compared() -> None:
    found = compare(side(4), side(4, params={"rate": 0.5}), Policy())
    assert (found.pairs, found.left_out) == (0, {"the scenario is not the same on both sides": 4})


def test_the_order_of_an_arms_lines_changes_nothing() -> None:
    """An alert's end may be written before its beginning is known; a fault's last evidence before its first."""
    lines = journal(Made(), REFERENCE, treated([OUTAGE], [unanswered(START, START + HOUR)], [Alert(START + 60, END)]))
    turned = sorted(lines, key=lambda line: (line["arm"], line["kind"] != "arm.start", -line["t"]))
    assert score(turned) == score(lines)


@pytest.mark.parametrize("kind", ["alert", "fault.evidence", "fault.reverted", "arm.end"])
@pytest.mark.parametrize("t", [float("nan"), float("inf"), -1e300])
def test_a_time_that_is_none_is_refused(kind: str, t: float) -> None:
    lines = journal(Made(), treated([OUTAGE], [], [Alert(START + 60, END)]))
    broken = [{**line, "t": t} if line["kind"] == kind else line for line in lines]
    with pytest.raises(MalformedJournal):
        score(broken)
