"""The scenario's claims against what was found: a verdict each, with what, why and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.scoring.findings import (
    AlertSeen,
    ExpectationFinding,
    FaultFinding,
    Grade,
    RecoveryKind,
    SignalHarm,
)
from harness.scoring.localisation import expected_components
from harness.scoring.plan import Expectation
from harness.scoring.policy import Policy
from harness.scoring.wording import duration_text, share_text
from harness.verdict import Outcome, Verdict, worst

Judged = tuple[Verdict, str, str, str]
"""Verdict, what happened, why, how to mend it."""


def judge_expectation(
    claim: Expectation, faults: Sequence[FaultFinding], signals: Sequence[SignalHarm], policy: Policy, *, cut_short: str
) -> ExpectationFinding:
    """One claim's verdict. ``cut_short`` says why the horizon was not reached, empty if it was.

    A claim about every fault has the worst verdict of its faults, with the texts of the first that has it.
    """
    if claim.kind == "degradation":
        return _finding(_text(claim), _degradation(claim, signals, faults, cut_short))
    concerned = [fault for fault in faults if claim.fault in (None, fault.id)]
    judged = [_fault_claim(claim, fault, cut_short, policy) for fault in concerned]
    verdict = worst(each[0] for each in judged)
    decisive = next((each for each in judged if each[0] is verdict), None)
    return _finding(_text(claim), decisive or (verdict, f"no fault {claim.fault!r} in this run", "", ""))


def unjudged(claim: Expectation, reason: str) -> ExpectationFinding:
    """The finding of a claim when the experiment says nothing."""
    fix = "Mend what stopped the run, then run the scenario again."
    if ": no data, expected" in reason:
        fix = "Let the warm-up include hours in which users ask: an earlier `start`, a longer `warmup`."
    return _finding(_text(claim), (Verdict.INCONCLUSIVE, "nothing was measured", reason, fix))


def steady_again(unsteady: Sequence[str]) -> ExpectationFinding:
    """What every scenario claims unsaid, where it did not come true: without its faults the system is as before."""
    why = "every fault was taken back before the horizon, and the system did not find back by itself"
    fix = "Look for what a fault left behind; if it was only under way, lengthen the horizon."
    return _finding("steady again after the faults", (Verdict.FAILED, "; ".join(unsteady), why, fix))


def _fault_claim(claim: Expectation, fault: FaultFinding, cut_short: str, policy: Policy) -> Judged:
    if claim.kind == "outcome":
        return _outcome(claim, fault, _unseen(fault, cut_short, policy))
    if fault.detection is None or fault.recovery is None:
        fix = (
            _INERT_FIX if fault.outcome is Outcome.INERT else "Mend what stopped the run, then run the scenario again."
        )
        return Verdict.INCONCLUSIVE, f"{fault.id} had no effect that could be judged", fault.reason, fix
    return _detect(claim, fault, cut_short) if claim.kind == "detect" else _recover(claim, fault, cut_short, policy)


def _unseen(fault: FaultFinding, cut_short: str, policy: Policy) -> str:
    """Why harm might have been there and was not seen; empty if it was looked for as long as it takes."""
    if cut_short:
        return cut_short
    if fault.outcome is Outcome.UNKNOWN:
        return fault.reason
    recovery, t_act = fault.recovery, fault.t_act
    if recovery is not None and t_act is not None and recovery.t_watched - t_act < policy.bin_s:
        return f"users were watched for {duration_text(recovery.t_watched - t_act)} after the first effect"
    return ""


_INERT_FIX = "Check that the fault's point carries traffic in its window, and that its rate is above 0."


def _detect(claim: Expectation, fault: FaultFinding, cut_short: str) -> Judged:
    assert fault.detection is not None
    assert fault.t_act is not None
    detection = fault.detection
    hits = [a for a in detection.alerts if claim.component in (None, a.component)]
    limit = duration_text(claim.within_s)
    by = f" from {claim.component}" if claim.component else ""
    where = " or ".join(sorted({claim.component} if claim.component else expected_components(fault.point)))
    if hits:
        took = hits[0].t_fired - fault.t_act
        what = f"{alert_text(hits[0])} after {duration_text(took)}"
        if took <= claim.within_s:
            return Verdict.PASSED, what, "", ""
        why = f"the alert came {duration_text(took - claim.within_s)} later than the {limit} that were allowed"
        fix = f"Check {where} more often, shorten the alert's hold time, or allow more time."
        return Verdict.FAILED, what, why, fix
    if detection.watched_s < claim.within_s:
        why = cut_short or "the observation ended before the time was up"
        return Verdict.INCONCLUSIVE, f"no alert{by} in {duration_text(detection.watched_s)}", why, _LENGTHEN
    what = f"no alert{by} in {duration_text(detection.watched_s)} after the first effect"
    return Verdict.FAILED, what, _why_silent(fault, claim.component), _alert_fix(fault, where)


_LENGTHEN = "Lengthen the horizon, or let the fault begin earlier."


def _why_silent(fault: FaultFinding, component: str | None) -> str:
    detection = fault.detection
    others = "" if detection is None else "; ".join(sorted({alert_text(alert) for alert in detection.alerts}))
    if component and others:
        return f"alerts for it came only from elsewhere: {others}"
    if fault.outcome is Outcome.ABSORBED:
        return "no alert differs from the control run; nor did the fault harm users"
    hurt = ", ".join(harm.title.lower() for harm in fault.signals if harm.decides and harm.t_on is not None)
    return f"no alert differs from the control run, while users were worse off in {hurt}"


def _alert_fix(fault: FaultFinding, where: str) -> str:
    check = f"Let a check at {where} see {fault.fault} on {fault.point}"
    if fault.outcome is Outcome.CAUGHT:
        return f"{check}, or let the claim name the component that did."
    return f"{check}; if its silence is accepted, expect `outcome: {fault.outcome.value}` instead."


def _recover(claim: Expectation, fault: FaultFinding, cut_short: str, policy: Policy) -> Judged:
    recovery, t_end = fault.recovery, fault.t_end
    assert recovery is not None
    assert t_end is not None
    limit = duration_text(claim.within_s)
    if recovery.kind is RecoveryKind.NOT_NEEDED:
        unseen = _unseen(fault, cut_short, policy)
        if unseen:
            return Verdict.INCONCLUSIVE, "no harm as far as it was observed", unseen, _LENGTHEN
        return Verdict.PASSED, "no harm to recover from", "", ""
    if recovery.from_removal_s is None:
        after = recovery.t_watched - t_end
        what = f"not recovered {duration_text(after)} after the fault's end" if after else "the fault lasted to the end"
        # That users are back is known so many bins later.
        confirmed = policy.recovery_bins * policy.bin_s if recovery.t_back is None else 0.0
        in_time = recovery.t_back is not None and not recovery.firing and recovery.t_back - t_end <= claim.within_s
        if in_time or after < claim.within_s + confirmed:
            return (
                Verdict.INCONCLUSIVE,
                what,
                cut_short or "the observation ended before the time was up",
                _LENGTHEN,
            )
        return Verdict.FAILED, what, recovery.why, _RECOVER_FIX
    if recovery.kind is RecoveryKind.MITIGATED:
        assert recovery.from_effect_s is not None
        what = f"mitigated {duration_text(recovery.from_effect_s)} after the first effect, under the fault"
        return Verdict.PASSED, what, "", ""
    what = f"recovered {duration_text(recovery.from_removal_s)} after the fault's end"
    if recovery.from_removal_s <= claim.within_s:
        return Verdict.PASSED, what, "", ""
    late = f"that is later than the {limit} that were allowed; {recovery.why}"
    return Verdict.FAILED, what, late, _RECOVER_FIX


_RECOVER_FIX = "Look for what keeps the damage after the fault is gone: stored features, a model, an open breaker."


def _degradation(
    claim: Expectation, signals: Sequence[SignalHarm], faults: Sequence[FaultFinding], cut_short: str
) -> Judged:
    harm = next((signal for signal in signals if signal.signal == claim.signal), None)
    if harm is None:
        fix = "Let the target report this signal with its requests, or drop the claim."
        return (
            Verdict.INCONCLUSIVE,
            f"{claim.signal} was not measured",
            "no request carried it in both arms",
            fix,
        )
    fell = max(0.0, harm.mean)
    what = f"{harm.title.lower()} fell by {share_text(fell)} over the horizon"
    if fell > claim.at_most:
        why = f"accepted were {share_text(claim.at_most)}; the worst bin fell by {share_text(max(0.0, harm.depth))}"
        fix = "Give serving something to fall back on for this fault, or contain it before it reaches users."
        return Verdict.FAILED, what, why, fix
    if cut_short:
        return Verdict.INCONCLUSIVE, f"{what} as far as it was observed", cut_short, "Run the scenario again."
    unmeasured = [f.id for f in faults if f.signals and not any(of.signal == claim.signal for of in f.signals)]
    if unmeasured:
        why = f"it was not measured in the time of {', '.join(unmeasured)}"
        return Verdict.INCONCLUSIVE, f"{what} as far as it was observed", why, _LABELS_FIX
    return Verdict.PASSED, what, "", ""


_LABELS_FIX = "Let the target report labels of all requests, or claim what can be seen without them."


def _outcome(claim: Expectation, fault: FaultFinding, unseen: str) -> Judged:
    assert claim.outcome is not None
    what = f"{fault.id} was {fault.outcome.value}"
    if fault.outcome is claim.outcome is Outcome.ABSORBED:
        if unseen:
            return Verdict.INCONCLUSIVE, f"{what} as far as it was observed", unseen, _LENGTHEN
        if not any(harm.signal == "quality" for harm in fault.signals):
            fix = "Let the target report labels, or claim what can be seen, with degradation_at_most."
            return Verdict.INCONCLUSIVE, what, "the quality of predictions was not measured in both arms", fix
    if fault.outcome is claim.outcome:
        return Verdict.PASSED, what, "", ""
    if fault.outcome in (Outcome.UNKNOWN, Outcome.INERT):
        return Verdict.INCONCLUSIVE, what, fault.reason, _INERT_FIX
    fix = _OUTCOME_FIX[fault.outcome]
    return Verdict.FAILED, what, fault.reason, fix


_OUTCOME_FIX = {
    Outcome.SILENT: "Add a check that sees this fault before users do.",
    Outcome.CAUGHT: "The fault reached users: contain it earlier, or expect `outcome: caught`.",
    Outcome.ABSORBED: "The pipeline withstood it: expect `outcome: absorbed`, or make the fault stronger.",
}


def alert_text(alert: AlertSeen) -> str:
    """An alert in a sentence.

    >>> about = {"severity": "warning", "labels": {}, "summary": "", "t_fired": 0, "t_resolved": None}
    >>> alert_text(AlertSeen(name="SourceStale", component="ingestion", **about))
    'SourceStale from ingestion'
    """
    return f"{alert.name} from {alert.component}" if alert.component else alert.name


def grade_text(grade: Grade) -> str:
    """What a grade means to a reader."""
    return {
        Grade.NONE: "no alert",
        Grade.WRONG_REASON: "for the wrong reason",
        Grade.DETECTED: "by its symptom",
        Grade.LOCALISED: "at the right component",
    }[grade]


def _text(claim: Expectation) -> str:
    about = f" {claim.fault}" if claim.fault else ""
    if claim.kind == "detect":
        by = f", blaming {claim.component}" if claim.component else ""
        return f"detect{about} within {duration_text(claim.within_s)}{by}"
    if claim.kind == "recover":
        return f"recover{f' from{about}' if about else ''} within {duration_text(claim.within_s)} of the fault's end"
    if claim.kind == "degradation":
        return f"{claim.signal.replace('_', ' ')} falls by at most {share_text(claim.at_most)}"
    assert claim.outcome is not None
    return f"outcome{' of' + about if about else ''} is {claim.outcome.value}"


def _finding(claim: str, judged: Judged) -> ExpectationFinding:
    verdict, what, why, fix = judged
    return ExpectationFinding(claim=claim, verdict=verdict, what=what, why=why, fix=fix)
