"""Whether a run is worse than its baseline in what a gate guards: tier, time to detection, silence.

The statistics are those of `compare`. A gate is one-sided: what is not worse passes, whatever its interval; what is
worse fails if that is beyond noise, passes if it is within, and is inconclusive if there are too few pairs to tell.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.scoring.comparison import (
    CHANGED,
    ONLY_FIRST,
    Both,
    Change,
    MetricChange,
    Side,
    compare,
    muted,
    paired,
    unpaired,
)
from harness.scoring.findings import Finding, MetricFinding, TierFinding
from harness.scoring.metrics import Pool, all_metrics, evaluate
from harness.scoring.policy import Policy
from harness.scoring.tiers import TIERS, tier_of
from harness.scoring.wording import duration_text, share_text
from harness.verdict import Outcome, Verdict, worst

__all__ = ["Check", "Gate", "judge_gate"]

#: A metric of the tier, and the comparison's metric that says whether it got worse. The time to recovery begins at the
#: detection, so that it grows when that comes sooner: the duration of the incident does not.
_OF_TIERS = (
    ("mttd", "mttd"),
    ("mttr", "incident_duration"),
    ("prediction_availability", "prediction_availability"),
)
#: On real processes no run is like another: fewer pairs than this may be chance.
_PAIRS_LEAST = 3


class Check(Finding):
    """One thing that is guarded: ``first`` and ``second`` as they are shown, and why the verdict is what it is."""

    name: str
    first: str
    second: str
    verdict: Verdict
    why: str


class Gate(Finding):
    """One profile against its baseline."""

    profile: str
    first: str
    second: str
    pairs: int
    repeated: bool
    """Whether any scenario has more than one pair: without, nothing is known about other seeds and phases."""
    left_out: dict[str, int]
    unpaired: dict[str, tuple[str, ...]]
    """The scenarios of which nothing could be compared, by the reason."""
    checks: tuple[Check, ...]
    verdict: Verdict


def judge_gate(
    profile: str, first: Side, second: Side, policy: Policy, *, partial: bool = False, interrupted: bool = False
) -> Gate:
    """The checks of one profile: the baseline is ``first``. Figures are of the experiments that both sides have.

    What the baseline judged and the run did not is no pass, unless a ``partial`` run is wanted. One that was
    ``interrupted`` is partial against its will.
    """
    pairs, left_out = paired(first, second)
    without = unpaired(pairs, left_out)
    scenarios = [one.scenario for one, _ in pairs]
    checks: tuple[Check, ...] = ()
    if pairs:
        comparison = compare(first, second, policy)
        metrics = {metric.name: metric for metric in comparison.metrics}
        ours = _of_tier(Pool(tuple(one for one, _ in pairs), first.controls, policy))
        theirs = _of_tier(Pool(tuple(other for _, other in pairs), second.controls, policy))
        checks = (_tier(metrics, ours, theirs), _detection(metrics["mttd"]), _silence(metrics, pairs))
    checks += _coverage(first, second)
    checks += _missing(first, without, partial=partial)
    if interrupted:
        checks += (Check(name="whole", first="", second="interrupted", verdict=Verdict.INCONCLUSIVE, why=_CUT_SHORT),)
    return Gate(
        profile=profile,
        first=first.label,
        second=second.label,
        pairs=len(pairs),
        repeated=len(scenarios) > len(set(scenarios)),
        left_out={reason: len(left) for reason, left in left_out.items()},
        unpaired=without,
        checks=checks,
        verdict=worst(check.verdict for check in checks) if pairs else Verdict.INCONCLUSIVE,
    )


def _of_tier(pool: Pool) -> dict[str, MetricFinding]:
    """The metrics that make the tier."""
    needed = dict(_OF_TIERS)
    return {metric.name: evaluate(metric, pool) for metric in all_metrics() if metric.name in needed}


def _coverage(first: Side, second: Side) -> tuple[Check, ...]:
    """Experiments that said something in the baseline and say nothing now."""
    mute = muted(first, second)
    if not mute:
        return ()
    why = f"inconclusive now: {', '.join(dict.fromkeys(experiment.scenario for experiment in mute))}"
    counts = {"first": "0 inconclusive", "second": f"{len(mute)} inconclusive"}
    return (Check(name="coverage", **counts, verdict=Verdict.INCONCLUSIVE, why=why),)


def _missing(first: Side, without: Mapping[str, tuple[str, ...]], *, partial: bool) -> tuple[Check, ...]:
    """Scenarios that said something in the baseline and were not run now, or not in the same way."""
    said = {experiment.scenario for experiment in first.experiments if experiment.counts is not None}
    texts = {"not run now": without.get(ONLY_FIRST, ()), "changed since": without.get(CHANGED, ())}
    lost = {text: [name for name in names if name in said] for text, names in texts.items()}
    why = "; ".join(f"{text}: {', '.join(names)}" for text, names in lost.items() if names)
    if not why:
        return ()
    counts = {"first": f"{len(said)} judged", "second": f"{len(said) - sum(map(len, lost.values()))} of them"}
    if partial:
        return (Check(name="scenarios", **counts, verdict=Verdict.PASSED, why=f"{why}, as --partial allows"),)
    return (Check(name="scenarios", **counts, verdict=Verdict.INCONCLUSIVE, why=f"{why}. {_PARTIAL}"),)


def _tier(
    metrics: Mapping[str, MetricChange], ours: Mapping[str, MetricFinding], theirs: Mapping[str, MetricFinding]
) -> Check:
    """A lower tier counts if a bound of the old one is missed by something that got worse."""
    first, second = tier_of(tuple(ours.values())), tier_of(tuple(theirs.values()))
    shown = {"name": "tier", "first": _tier_text(first), "second": _tier_text(second)}
    if first.level is None:
        return Check(**shown, verdict=Verdict.PASSED, why="the baseline has none that could be lost")
    if second.level is None:
        why = f"it could not be measured: {'; '.join(second.holds_back)}"
        return Check(**shown, verdict=Verdict.INCONCLUSIVE, why=why)
    if second.level >= first.level:
        return Check(**shown, verdict=Verdict.PASSED, why="not lower")
    behind = [metrics[judge] for name, judge in _OF_TIERS if _misses(first.level, name, theirs[name].value or 0.0)]
    worse = [metric.title.lower() for metric in behind if metric.change is Change.WORSE]
    if worse:
        return Check(**shown, verdict=Verdict.FAILED, why=f"lower, and beyond noise: {', '.join(worse)}")
    if any(metric.change is Change.UNKNOWN for metric in behind):
        return Check(**shown, verdict=Verdict.INCONCLUSIVE, why=f"lower, but {_TOO_FEW}")
    return Check(**shown, verdict=Verdict.PASSED, why="lower, but nothing behind it got worse beyond noise")


def _misses(level: int, name: str, value: float) -> bool:
    """Whether a value misses its bound of a tier."""
    tier = next(tier for tier in TIERS if tier.level == level)
    if name == "prediction_availability":
        return value <= tier.availability
    return value >= (tier.mttd_s if name == "mttd" else tier.mttr_s)


def _detection(metric: MetricChange) -> Check:
    shown = {"name": "detection", "first": duration_text(metric.first), "second": duration_text(metric.second)}
    return _one_sided(metric, shown, worse=metric.first is not None and (metric.second or 0.0) > metric.first)


def _one_sided(metric: MetricChange, shown: dict[str, str], *, worse: bool) -> Check:
    if metric.first is None or metric.second is None:
        return Check(**shown, verdict=Verdict.PASSED, why="nothing to compare: no incident on one side")
    if metric.change is Change.WORSE:
        return Check(**shown, verdict=Verdict.FAILED, why=f"worse beyond noise{_size(metric)}")
    if not worse:
        return Check(**shown, verdict=Verdict.PASSED, why="not worse")
    if metric.change is Change.UNKNOWN:
        return Check(**shown, verdict=Verdict.INCONCLUSIVE, why=f"worse, but {_TOO_FEW}")
    return Check(**shown, verdict=Verdict.PASSED, why=f"worse, but within noise{_size(metric)}")


def _silence(metrics: Mapping[str, MetricChange], pairs: list[Both]) -> Check:
    """More silence: a smaller share of harmful faults that is noticed, or a scenario that became silent altogether."""
    metric = metrics["silent_failure_detection_rate"]
    silent = [sum(experiment.outcome is Outcome.SILENT for experiment in side) for side in zip(*pairs, strict=True)]
    shown = {
        "name": "silence",
        "first": f"{silent[0]} of {len(pairs)} silent",
        "second": f"{silent[1]} of {len(pairs)} silent",
    }
    turned = _turned_silent(pairs)
    sure = [name for name, (count, exact) in turned.items() if exact or count >= _PAIRS_LEAST]
    if sure:
        return Check(**shown, verdict=Verdict.FAILED, why=f"became silent: {', '.join(sure)}")
    if metric.change is Change.WORSE:
        why = f"noticed are {share_text(metric.second)} of harmful faults, {share_text(metric.first)} before"
        return Check(**shown, verdict=Verdict.FAILED, why=why)
    if turned or (silent[1] > silent[0] and metric.change is Change.UNKNOWN):
        return Check(**shown, verdict=Verdict.INCONCLUSIVE, why=f"more of it, but {_TOO_FEW}")
    within = "more of it, but within noise" if silent[1] > silent[0] else "not more of it"
    return Check(**shown, verdict=Verdict.PASSED, why=within)


def _turned_silent(pairs: list[Both]) -> dict[str, tuple[int, bool]]:
    """Scenarios that are silent in every pair and were so in none; how many pairs, and whether both sides ran in the
    simulator, where the same seed without a change gives the same to the byte."""
    groups: dict[str, list[Both]] = {}
    for one, other in pairs:
        groups.setdefault(one.scenario, []).append((one, other))
    return {
        name: (len(group), all(side.backend == "sim" for pair in group for side in pair))
        for name, group in groups.items()
        if all(one.outcome is not Outcome.SILENT and other.outcome is Outcome.SILENT for one, other in group)
    }


_CUT_SHORT = "the run was ended before its time. Run it again"
_PARTIAL = "If that is meant, say --partial, or save a new baseline"
_TOO_FEW = "there are too few pairs to tell it from noise; more --repeats would"


def _size(metric: MetricChange) -> str:
    if metric.ratio is None or metric.low is None:
        return ""
    high = "any" if metric.high is None else f"{metric.high:.3g}"
    return f": x {metric.ratio:.3g} [{metric.low:.3g} to {high}]"


def _tier_text(tier: TierFinding) -> str:
    return tier.name if not tier.level else f"{tier.level}, {tier.name}"
