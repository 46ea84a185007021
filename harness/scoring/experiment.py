"""One treatment arm against its control: the outcome of each fault and the verdict of the scenario."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np

from harness.scoring.band import noise_of
from harness.scoring.counts import counts_of
from harness.scoring.degradation import Curve, harm_in, measure
from harness.scoring.detection import alerts_of, fresh_alerts
from harness.scoring.effects import Doing, doing_in, judge_faults, windows_of, without_effect
from harness.scoring.evidence import Arm, Bools, Floats
from harness.scoring.expectations import judge_expectation, steady_again, unjudged
from harness.scoring.findings import (
    AlertSeen,
    Counts,
    ExpectationFinding,
    ExperimentFinding,
    FaultFinding,
    Series,
    SignalHarm,
    Timeline,
)
from harness.scoring.pairing import bin_starts, pair
from harness.scoring.plan import Plan
from harness.scoring.policy import Policy
from harness.scoring.signals import all_signals
from harness.verdict import Outcome, Verdict, worst


def judge_experiment(treatment: Arm, arms: Mapping[str, Arm], policy: Policy) -> ExperimentFinding:
    """Everything that the journal says about one treatment arm. Never raises for an arm that went wrong:
    that is INCONCLUSIVE, with the reason."""
    plan = treatment.plan or Plan(treatment.scenario or treatment.id, "", {}, (), (), ())
    control = arms.get(treatment.control or "")
    broken = _why_unusable(treatment, control, policy)
    if control is None or broken:
        return _inconclusive(treatment, plan, broken)
    references = [arms[name] for name in treatment.reference if name in arms and name != control.id]
    references = [arm for arm in references if not why_arm_unusable(arm, "the reference run")]
    curves = _curves(treatment, control, references, policy)
    raised = alerts_of(treatment.alerts)
    quiet = alerts_of(control.alerts)
    fresh = fresh_alerts(raised, quiet, policy)
    doings = [doing_in(window, curves, policy) for window in windows_of(treatment, plan)]
    faults = judge_faults(treatment, plan, doings, curves, fresh, quiet, policy)
    signals = _overall(treatment, curves, doings)
    cut_short = "" if treatment.end_reason == "horizon" else "a stop condition ended the run early"
    expectations = tuple(
        judge_expectation(claim, faults, signals, policy, cut_short=cut_short) for claim in plan.expect
    )
    if treatment.unsteady_after:
        expectations += (steady_again(treatment.unsteady_after),)
    claimed = [alert for fault in faults if fault.detection for alert in fault.detection.alerts]
    stuck = [f"{log.id} could not be reverted: {log.failure}" for log in treatment.faults if log.act_s and log.failure]
    reasons = [
        f"{fault.id}: {fault.reason}" for fault in faults if fault.outcome in (Outcome.INERT, Outcome.UNKNOWN)
    ] + stuck
    return _experiment(
        treatment,
        plan,
        outcome=worst_outcome(fault.outcome for fault in faults),
        verdict=_verdict_of(plan, faults, [finding.verdict for finding in expectations], stuck),
        reasons=(*reasons, *((cut_short,) if cut_short else ())),
        faults=faults,
        expectations=expectations,
        signals=signals,
        counts=counts_of(treatment, control, policy),
        timeline=_timeline(treatment, curves, [a for a in raised if a not in claimed], policy),
    )


def why_arm_unusable(arm: Arm, what: str) -> str:
    """Why an arm says nothing; empty if it can be used. ``what`` names the arm in the text."""
    if arm.end_reason is None:
        return f"the journal stops before the end of {what}"
    if arm.end_reason == "unsteady" or arm.steady is False:
        reasons = "; ".join(arm.unsteady_reasons) or "no reason was written"
        return f"{what} was not in steady state after its warm-up: {reasons}"
    if arm.end_reason == "interrupted":
        return f"{what} was interrupted"
    if arm.end_reason == "error":
        return f"{what} ended by error" + (f": {arm.error}" if arm.error else "")
    if arm.plan is None and arm.died:
        return f"in {what}, without any fault, a service died: {', '.join(arm.died)}"
    if not len(arm.requests):
        return f"{what} has no requests"
    return ""


def _why_unusable(treatment: Arm, control: Arm | None, policy: Policy) -> str:
    if treatment.plan is None:
        return "the journal does not carry the scenario of this arm"
    if control is None:
        return f"its control run {treatment.control!r} is not in the journal"
    problem = why_arm_unusable(treatment, "the treatment run") or why_arm_unusable(control, "the control run")
    if problem:
        return problem
    if control.observed_end_s <= treatment.observed_end_s - policy.bin_s:
        return "the control run ended before the treatment's: nobody knows how users would have fared after that"
    pairing = pair(control.requests, treatment.requests, treatment.warmup_s, _common_end(treatment, control))
    if pairing.coverage < policy.coverage_min:
        return (
            f"only {100 * pairing.coverage:.0f} % of the control's requests have a counterpart in the treatment "
            f"({100 * policy.coverage_min:.0f} % are needed)"
        )
    return _unseen(treatment, control, policy)


def _unseen(treatment: Arm, control: Arm, policy: Policy) -> str:
    """Why nothing can be told of the time of a fault, though the rest of the horizon was seen."""
    due = (control.requests.sent_s >= treatment.warmup_s) & (control.requests.sent_s < treatment.observed_end_s)
    if not (control.requests.answered & due).any():
        return "the control run has no answered request in the horizon"
    # What was under way when a run was stopped has no line: that is its end, and no gap.
    seen_s = min(_common_end(treatment, control), float(treatment.requests.sent_s.max()))
    for log in treatment.faults:
        if log.act_s is None or log.act_s >= treatment.observed_end_s:
            continue
        if control.observed_end_s <= log.act_s:
            return f"the control run ended before {log.id} acted"
        end_s = seen_s if log.end_s is None else min(log.end_s, seen_s)
        during = pair(control.requests, treatment.requests, log.act_s, end_s)
        asked = int(((control.requests.sent_s >= log.act_s) & (control.requests.sent_s < end_s)).sum())
        if asked - len(during.control) > 1 and during.coverage < policy.coverage_min:
            return (
                f"only {100 * during.coverage:.0f} % of the control's requests while {log.id} was in effect have a "
                f"counterpart in the treatment ({100 * policy.coverage_min:.0f} % are needed)"
            )
    return ""


def _common_end(treatment: Arm, control: Arm) -> float:
    return min(treatment.observed_end_s, control.observed_end_s)


def _curves(treatment: Arm, control: Arm, references: Sequence[Arm], policy: Policy) -> dict[str, Curve]:
    to_s = _common_end(treatment, control)
    pairing = pair(control.requests, treatment.requests, treatment.warmup_s, to_s)
    starts = bin_starts(treatment.warmup_s, to_s, policy.bin_s)
    curves = {}
    for signal in all_signals():
        noise = partial(noise_of, signal, control, references, starts=starts, policy=policy)
        curves[signal.name] = measure(
            signal, control.requests, treatment.requests, pairing, starts, to_s, noise, policy
        )
    return curves


def _overall(arm: Arm, curves: Mapping[str, Curve], doings: Sequence[Doing]) -> tuple[SignalHarm, ...]:
    """Each signal over the whole horizon, with the bins that any fault's window flagged."""
    found: dict[str, tuple[Bools, bool]] = {}
    for name, curve in curves.items():
        flags = np.zeros(len(curve.starts), dtype=np.bool_)
        for doing in doings:
            flags |= doing.flags[name][0]
        found[name] = flags, any(doing.flags[name][1] for doing in doings)
    return tuple(
        harm_in(curve, *found[name], arm.warmup_s, arm.observed_end_s)
        for name, curve in curves.items()
        if curve.observed.any()
    )


def worst_outcome(outcomes: Iterable[Outcome]) -> Outcome:
    """What is worst for users among outcomes, and what is unknown before what is well."""
    order = (Outcome.SILENT, Outcome.UNKNOWN, Outcome.CAUGHT, Outcome.ABSORBED, Outcome.INERT)
    present = set(outcomes)
    return next((outcome for outcome in order if outcome in present), Outcome.UNKNOWN)


def _verdict_of(
    plan: Plan, faults: Sequence[FaultFinding], verdicts: Sequence[Verdict], stuck: Sequence[str]
) -> Verdict:
    """The worst of the claims; a fault without effect is never a pass unless the scenario says it has none,
    and a fault that stayed behind is never one."""
    verdict = worst(verdicts)
    foretold = {c.fault for c in plan.expect if c.kind == "outcome" and c.outcome is Outcome.INERT}
    unproven = [
        fault
        for fault in faults
        if fault.outcome is Outcome.UNKNOWN
        or (fault.outcome is Outcome.INERT and fault.id not in foretold and None not in foretold)
    ]
    return worst([verdict, Verdict.INCONCLUSIVE]) if unproven or stuck else verdict


def _timeline(arm: Arm, curves: Mapping[str, Curve], background: Sequence[AlertSeen], policy: Policy) -> Timeline:
    """The total, and every signal in which the arms differ at all: the others would be flat twice over."""
    shown = [
        curve for name, curve in curves.items() if name == "total" or bool(np.any(np.nan_to_num(curve.excess) != 0))
    ]
    return Timeline(
        t_from=arm.warmup_s,
        t_to=arm.observed_end_s,
        bin_s=policy.bin_s,
        series=tuple(
            Series(
                signal=curve.signal.name,
                title=curve.signal.title,
                meaning=curve.signal.meaning,
                control=_numbers(curve.control),
                treatment=_numbers(curve.treatment),
            )
            for curve in shown
        ),
        background=tuple(background),
    )


def _numbers(values: Floats) -> tuple[float | None, ...]:
    return tuple(round(float(value), 4) if np.isfinite(value) else None for value in values)


def _inconclusive(arm: Arm, plan: Plan, reason: str) -> ExperimentFinding:
    logs = {log.id: log for log in arm.faults}
    faults = tuple(
        without_effect(fault, logs.get(fault.id), arm).model_copy(update={"outcome": Outcome.UNKNOWN, "reason": reason})
        for fault in plan.faults
    )
    return _experiment(
        arm,
        plan,
        outcome=Outcome.UNKNOWN,
        verdict=Verdict.INCONCLUSIVE,
        reasons=(reason,),
        faults=faults,
        expectations=tuple(unjudged(claim, reason) for claim in plan.expect),
        signals=(),
        counts=None,
        timeline=None,
    )


def _experiment(
    arm: Arm,
    plan: Plan,
    *,
    outcome: Outcome,
    verdict: Verdict,
    reasons: tuple[str, ...],
    faults: tuple[FaultFinding, ...],
    expectations: tuple[ExpectationFinding, ...],
    signals: tuple[SignalHarm, ...],
    counts: Counts | None,
    timeline: Timeline | None,
) -> ExperimentFinding:
    return ExperimentFinding(
        arm=arm.id,
        scenario=plan.name,
        description=plan.description,
        classification=dict(plan.classification),
        tags=plan.tags,
        profile=arm.profile,
        backend=arm.backend,
        seed=arm.seed,
        begins_s=min((fault.at_s for fault in plan.faults if fault.at_s is not None), default=0.0),
        start=arm.start,
        warmup_s=arm.warmup_s,
        horizon_s=arm.horizon_s,
        outcome=outcome,
        verdict=verdict,
        reasons=reasons,
        faults=faults,
        expectations=expectations,
        signals=signals,
        counts=counts,
        timeline=timeline,
        unsteady_after=arm.unsteady_after,
    )
