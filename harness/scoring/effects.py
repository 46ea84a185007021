"""What each fault of a treatment did: its window, the harm in it, the alerts that are its own, its outcome.

Harm in overlapping windows cannot be told apart for certain without an arm for each fault. Harm that begins
after a later fault acted is taken to be that one's doing; of harm that was there before both have a part. An
alert that names the component of an open fault belongs to that fault.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.scoring.degradation import Curve, decided_s, flagged, harm_in
from harness.scoring.detection import detection_of, settled_beside
from harness.scoring.evidence import Arm, Bools, FaultLog
from harness.scoring.findings import AlertSeen, Detection, FaultFinding, Grade, SignalHarm
from harness.scoring.localisation import expected_components, grade
from harness.scoring.pairing import bins_of
from harness.scoring.plan import Plan, PlannedFault
from harness.scoring.policy import Policy
from harness.scoring.recovery import recovery_of
from harness.scoring.sharing import Claim, part_of, sharers
from harness.verdict import Outcome


@dataclass(frozen=True, slots=True)
class Window:
    """Where one fault's doing is looked for: from its first effect until the end or the next fault."""

    planned: PlannedFault
    log: FaultLog
    t_act: float
    t_end: float
    to_s: float
    later: tuple[float, ...]
    """When other faults acted after this one, still within its window."""


@dataclass(frozen=True, slots=True)
class Doing:
    """What was seen in a fault's window, before alerts are attributed."""

    window: Window
    flags: Mapping[str, tuple[Bools, bool]]
    signals: tuple[SignalHarm, ...]
    until_s: float


def windows_of(arm: Arm, plan: Plan) -> list[Window]:
    """The windows of the faults that acted; one ends where a later fault acts after this one's removal."""
    logs = {log.id: log for log in arm.faults if log.act_s is not None and log.act_s < arm.observed_end_s}
    windows = []
    for planned in plan.faults:
        log = logs.get(planned.id)
        if log is None or log.act_s is None:
            continue
        t_end = min(arm.observed_end_s, math.inf if log.end_s is None else max(log.act_s, log.end_s))
        others = [o.act_s for o in logs.values() if o.act_s is not None and o.id != log.id]
        # What acts at the very moment is beside it, also where the fault was seen only as it was removed.
        to_s = min([arm.observed_end_s, *(t for t in others if t >= t_end and t > log.act_s)])
        later = tuple(sorted(t for t in others if log.act_s < t < to_s))
        windows.append(Window(planned, log, log.act_s, t_end, to_s, later))
    return windows


def doing_in(window: Window, curves: Mapping[str, Curve], policy: Policy) -> Doing:
    """What was seen in the window, but for harm that began only after a later fault had acted."""
    flags: dict[str, tuple[Bools, bool]] = {}
    signals = []
    for name, curve in curves.items():
        found = flagged(curve, window.t_act, window.to_s, policy)
        harm = harm_in(curve, *found, window.t_act, window.to_s)
        if harm.t_on is not None and window.later and decided_s(curve, harm.t_on) >= window.later[0]:
            found = np.zeros_like(found[0]), False
            harm = harm_in(curve, *found, window.t_act, window.later[0])
        flags[name] = found
        if curve.observed.any() and (harm.t_on is not None or _labelled(curve, curves["latency"], window, policy)):
            signals.append(harm)
    signals = [_summed(harm, window, curves, flags) for harm in signals]
    worse = [
        float(curve.starts[np.flatnonzero(flags[name][0])[-1]] + curve.bin_s)
        for name, curve in curves.items()
        if curve.signal.counts and flags[name][0].any()
    ]
    # An alert during the harm that a fault left behind (a poisoned model) is its detection too.
    until = max([window.t_end, *worse]) + policy.attribution_s
    return Doing(window, flags, tuple(signals), until)


def _labelled(curve: Curve, answers: Curve, window: Window, policy: Policy) -> bool:
    """Whether the truth is known of the window's bins in which there were answers, where the signal needs it: labels of
    other times tell nothing of a fault."""
    if not (curve.signal.counts and curve.signal.sampled):
        return True
    inside = (answers.sent_s >= window.t_act) & (answers.sent_s < window.to_s)
    known = curve.observed[bins_of(answers.sent_s[inside], curve.starts, curve.bin_s)]
    return not len(known) or float(known.mean()) >= policy.coverage_min


def _summed(
    harm: SignalHarm, window: Window, curves: Mapping[str, Curve], flags: dict[str, tuple[Bools, bool]]
) -> SignalHarm:
    """A signal that only sums up others is harmed when and only when one that decides is."""
    curve = curves[harm.signal]
    if curve.signal.counts:
        return harm
    flags[harm.signal] = harmed_bins(curves, flags)
    return harm_in(curve, *flags[harm.signal], window.t_act, window.to_s)


def harmed_bins(curves: Mapping[str, Curve], flags: Mapping[str, tuple[Bools, bool]]) -> tuple[Bools, bool]:
    """The bins in which any signal that decides is harmed, and whether part of that shows only in the long run."""
    deciding = [flags[name] for name, curve in curves.items() if curve.signal.counts]
    return np.logical_or.reduce([bins for bins, _ in deciding]), any(slow for _, slow in deciding)


def judge_faults(
    arm: Arm,
    plan: Plan,
    doings: Sequence[Doing],
    curves: Mapping[str, Curve],
    fresh: Sequence[AlertSeen],
    control: Sequence[AlertSeen],
    policy: Policy,
) -> tuple[FaultFinding, ...]:
    acted = {doing.window.planned.id: doing for doing in doings}
    logs = {log.id: log for log in arm.faults}
    components = {fault.id: _components(plan, fault) for fault in plan.faults}
    found = []
    for planned in plan.faults:
        doing = acted.get(planned.id)
        if doing is None:
            found.append(without_effect(planned, logs.get(planned.id), arm))
            continue
        mine = [alert for alert in fresh if _attributed(alert, doing, doings, components)]
        others = [other for other in doings if other is not doing]
        found.append(_with_effect(doing, others, mine, control, components[planned.id], curves, policy))
    return tuple(found)


def _components(plan: Plan, fault: PlannedFault) -> frozenset[str]:
    """What a localising alert may name: the scenario's own word for it, else what the point says."""
    own = [c.component for c in plan.expect if c.kind == "detect" and c.component and c.fault in (None, fault.id)]
    return frozenset(own) or expected_components(fault.point)


def _attributed(
    alert: AlertSeen, doing: Doing, doings: Sequence[Doing], components: Mapping[str, frozenset[str]]
) -> bool:
    """Whether an alert counts for a fault: in its time, and not rather another's.

    Those that it names come before others, and then those in whose window it fired before those of earlier ones.
    """
    owners = [d for d in doings if d.window.t_act <= alert.t_fired <= d.until_s]
    named = [d for d in owners if grade(alert.component, components[d.window.planned.id]) is Grade.LOCALISED]
    owners = named or owners
    watched = [d for d in owners if alert.t_fired <= d.window.to_s]
    return any(d is doing for d in watched or owners)


def without_effect(planned: PlannedFault, log: FaultLog | None, arm: Arm) -> FaultFinding:
    if log is None:
        outcome, reason = (
            Outcome.UNKNOWN,
            "the fault was never injected: its time did not come before the end",
        )
    elif log.touched > 0:
        outcome, reason = Outcome.UNKNOWN, "the fault's first effect came at the end of the observation"
    elif log.failure:
        outcome, reason = Outcome.UNKNOWN, f"the fault could not be injected: {log.failure}"
    else:
        outcome, reason = Outcome.INERT, "the fault was applied and touched nothing"
    return FaultFinding(
        id=planned.id,
        fault=planned.fault,
        point=planned.point,
        params={} if log is None else dict(log.params),
        outcome=outcome,
        reason=reason,
        t_act=None,
        t_end=None if log is None else log.end_s,
        t_on=None,
        touched=0.0,
        what="" if log is None else log.what,
        remains="" if log is None else log.remains,
        harm=0.0,
        signals=(),
        detection=None,
        recovery=None,
    )


def _with_effect(
    doing: Doing,
    others: Sequence[Doing],
    alerts: Sequence[AlertSeen],
    control: Sequence[AlertSeen],
    components: frozenset[str],
    curves: Mapping[str, Curve],
    policy: Policy,
) -> FaultFinding:
    window, total = doing.window, curves["total"]
    hurt = [harm for harm in doing.signals if harm.t_on is not None and harm.decides]
    t_on = min((harm.t_on for harm in hurt if harm.t_on is not None), default=None)
    detection = detection_of(alerts, components, t_act=window.t_act, t_on=t_on, watched_s=window.to_s - window.t_act)
    t_det = None if detection.first is None else detection.first.t_fired
    until_s = window.to_s if t_det is None else min(t_det, window.to_s)
    claim, claims = _claim(doing), [_claim(other) for other in others]
    recovery = recovery_of(
        [(curves[harm.signal], doing.flags[harm.signal][0]) for harm in hurt],
        settled_beside(alerts, control),
        t_act=window.t_act,
        t_end=window.t_end,
        t_det=t_det,
        to_s=window.to_s,
        policy=policy,
    )
    outcome = Outcome.ABSORBED if not hurt else Outcome.SILENT if t_det is None else Outcome.CAUGHT
    sent_s = curves["availability"].sent_s
    if not hurt and not ((sent_s >= window.t_act) & (sent_s < window.to_s)).any():
        outcome = Outcome.UNKNOWN
    return FaultFinding(
        id=window.planned.id,
        fault=window.planned.fault,
        point=window.planned.point,
        params=dict(window.log.params),
        outcome=outcome,
        reason=_reason(outcome, hurt, detection),
        t_act=window.t_act,
        t_end=window.t_end,
        t_on=t_on,
        touched=window.log.touched,
        what=window.log.what,
        remains=window.log.remains,
        harm=part_of(claim, claims, total, window.to_s),
        shared_with=tuple(others[number].window.planned.id for number in sharers(claim, claims, total)),
        signals=doing.signals,
        detection=detection.model_copy(update={"harm_before": part_of(claim, claims, total, until_s)}),
        recovery=recovery,
    )


def _claim(doing: Doing) -> Claim:
    return doing.flags["total"][0], doing.window.t_act, doing.window.to_s


def _reason(outcome: Outcome, hurt: Sequence[SignalHarm], detection: Detection) -> str:
    noticed = "" if detection.first is None else f"{detection.first.name} was raised"
    if outcome is Outcome.UNKNOWN:
        return "nobody asked after its first effect: who was not there was not spared"
    if outcome is Outcome.ABSORBED:
        return "no signal left the control's band" + (f"; {noticed}" if noticed else " and nothing alerted")
    worse = ", ".join(harm.title.lower() for harm in hurt)
    return f"{worse} left the control's band" + (f"; {noticed}" if noticed else " and nothing alerted")
