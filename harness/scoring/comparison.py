"""Two sets of experiments, paired: what got better, what got worse, and what is only noise.

Experiments are paired by scenario, seed and phase of the injection, so that what differs between the sides is the
pipeline and not the day. Times, harm and counts are compared by the logarithm of their ratio, shares by difference.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from harness.scoring.exposure import exposure_of
from harness.scoring.findings import ControlFinding, ExperimentFinding, Finding, ProfileFinding
from harness.scoring.intervals import clopper_pearson
from harness.scoring.metrics import Metric, Pool, all_metrics
from harness.scoring.metrics._metric import Part, acted
from harness.scoring.policy import Policy
from harness.scoring.resampling import Floats, Statistic, interval, ratio_of_sums
from harness.scoring.scorecard import Scorecard
from harness.scoring.survival import log_rank
from harness.verdict import Outcome, Verdict

__all__ = [
    "CHANGED",
    "ONLY_FIRST",
    "ONLY_SECOND",
    "Both",
    "Change",
    "Comparison",
    "MetricChange",
    "ScenarioChange",
    "Side",
    "compare",
    "key_of",
    "muted",
    "paired",
    "unpaired",
]

#: All intervals of a comparison hold together with this confidence (Bonferroni).
CONFIDENCE = 0.95
#: Less than this is no time, no harm and no page worth a ratio: a second, a minute of outage, a hundredth.
FLOORS = {"s": 1.0, "h": 1 / 60, "per_incident": 0.01}

Key = tuple[str, int, float]
Both = tuple[ExperimentFinding, ExperimentFinding]
"""An experiment on both sides."""

ONLY_FIRST = "only on the first side"
ONLY_SECOND = "only on the second side"
CHANGED = "the scenario is not the same on both sides"


class Change(StrEnum):
    """Which way something went, from the first side to the second."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"  #: no difference beyond noise
    UNKNOWN = "unknown"  #: too few pairs, or nothing measured


class MetricChange(Finding):
    """One metric on both sides. ``ratio`` is second over first, ``difference`` second minus first; the one that is
    there has the interval."""

    name: str
    title: str
    unit: str
    first: float | None
    second: float | None
    ratio: float | None
    difference: float | None
    low: float | None
    high: float | None
    pairs: int
    change: Change


class ScenarioChange(Finding):
    """A scenario that ended differently in at least one pair; better or worse if it went that way in every pair."""

    scenario: str
    pairs: int
    first: dict[str, int]
    second: dict[str, int]
    passed_first: int
    passed_second: int
    change: Change


class Comparison(Finding):
    """The first side against the second."""

    first: str
    second: str
    pairs: int
    left_out: dict[str, int]
    """Experiments that could not be paired, by the reason."""
    unpaired: dict[str, tuple[str, ...]]
    """The scenarios of which none could be, by the reason."""
    confidence: float
    """Of each single interval; together they hold with 95 %."""
    metrics: tuple[MetricChange, ...]
    detection_p: float | None
    """How likely times to detect differ that much by chance (log-rank); None without any."""
    scenarios: tuple[ScenarioChange, ...]
    regressions: tuple[str, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Side:
    """One profile of one run."""

    label: str
    experiments: tuple[ExperimentFinding, ...]
    controls: tuple[ControlFinding, ...]

    @classmethod
    def of(cls, scorecard: Scorecard, profile: ProfileFinding, label: str) -> Side:
        """The profile's experiments in a scorecard."""
        mine = tuple(e for e in scorecard.experiments if e.profile == profile.profile)
        return cls(label, mine, profile.controls)


def compare(first: Side, second: Side, policy: Policy) -> Comparison:
    """What changed from the first side to the second.

    FAILED if anything got worse beyond noise, INCONCLUSIVE if nothing can be told, or no longer of an experiment of
    which the first side told something."""
    pairs, left_out = paired(first, second)
    metrics = [metric for metric in all_metrics() if metric.compared]
    confidence = 1 - (1 - CONFIDENCE) / len(metrics)
    ours = Pool(tuple(a for a, _ in pairs), _shared(first.controls, second.controls), policy)
    theirs = Pool(tuple(b for _, b in pairs), _shared(second.controls, first.controls), policy)
    changes = tuple(_metric(metric, ours, theirs, confidence) for metric in metrics)
    scenarios = _scenarios(pairs)
    regressions = [change.title for change in changes if change.change is Change.WORSE]
    regressions += [change.scenario for change in scenarios if change.change is Change.WORSE]
    known = pairs and any(change.change is not Change.UNKNOWN for change in changes) and not muted(first, second)
    return Comparison(
        first=first.label,
        second=second.label,
        pairs=len(pairs),
        left_out={reason: len(left) for reason, left in left_out.items()},
        unpaired=unpaired(pairs, left_out),
        confidence=confidence,
        metrics=changes,
        detection_p=_detection_p(ours, theirs),
        scenarios=scenarios,
        regressions=tuple(regressions),
        verdict=Verdict.FAILED if regressions else Verdict.PASSED if known else Verdict.INCONCLUSIVE,
    )


def paired(first: Side, second: Side) -> tuple[list[Both], dict[str, list[ExperimentFinding]]]:
    """Experiments of both sides that faced the same, and those that are left out, by the reason."""
    theirs = {key_of(experiment): experiment for experiment in second.experiments}
    pairs: list[Both] = []
    left_out: dict[str, list[ExperimentFinding]] = {}
    for one in first.experiments:
        other = theirs.pop(key_of(one), None)
        if other is None:
            left_out.setdefault(ONLY_FIRST, []).append(one)
        elif not _faced_the_same(one, other):
            left_out.setdefault(CHANGED, []).append(one)
        elif one.counts is None or other.counts is None:
            left_out.setdefault("inconclusive on one side", []).append(one)
        else:
            pairs.append((one, other))
    if theirs:
        left_out[ONLY_SECOND] = list(theirs.values())
    return pairs, dict(sorted(left_out.items()))


def unpaired(pairs: Sequence[Both], left_out: Mapping[str, Sequence[ExperimentFinding]]) -> dict[str, tuple[str, ...]]:
    """The scenarios of which no experiment was paired, by the reason: fewer repeats are still the same scenario."""
    known = {one.scenario for one, _ in pairs}
    found = {
        reason: tuple(dict.fromkeys(each.scenario for each in left if each.scenario not in known))
        for reason, left in left_out.items()
    }
    return {reason: names for reason, names in found.items() if names}


def _shared(controls: Sequence[ControlFinding], others: Sequence[ControlFinding]) -> tuple[ControlFinding, ...]:
    """The fault-free runs that the other side has too: of one seed, from one moment on."""
    theirs = {(control.seed, control.start, control.warmup_s) for control in others if not control.unusable}
    return tuple(one for one in controls if (one.seed, one.start, one.warmup_s) in theirs)


def muted(first: Side, second: Side) -> list[ExperimentFinding]:
    """The second side's experiments that say nothing where the first side's did."""
    said = {key_of(experiment) for experiment in first.experiments if experiment.counts is not None}
    return [one for one in second.experiments if one.counts is None and key_of(one) in said]


def key_of(experiment: ExperimentFinding) -> Key:
    """What an experiment is paired by."""
    return experiment.scenario, experiment.seed, experiment.begins_s


def _faced_the_same(one: ExperimentFinding, other: ExperimentFinding) -> bool:
    """Whether time and faults were the same; the parameters of a fault that was never injected are not known."""
    when = [(each.start, each.warmup_s, each.horizon_s) for each in (one, other)]
    what = [[(fault.id, fault.fault, fault.point) for fault in each.faults] for each in (one, other)]
    if when[0] != when[1] or what[0] != what[1]:
        return False
    both = zip(one.faults, other.faults, strict=True)
    return all(a.params == b.params for a, b in both if a.params and b.params)


def _metric(metric: Metric, first: Pool, second: Pool, confidence: float) -> MetricChange:
    first, second = _alike(metric, first, second)
    ours, theirs = metric.compute(first), metric.compute(second)
    parts = _aligned(first, ours.parts, theirs.parts, second)
    ratio = difference = bounds = None
    if ours.value is not None and theirs.value is not None:
        if metric.unit == "share":
            difference = theirs.value - ours.value
            found = _bounds(metric, parts, _difference, confidence)
            bounds = None if found is None else (max(-1.0, found[0]), min(1.0, found[1]))
        elif parts:
            floor = FLOORS.get(metric.unit, 0.0)
            ratio = max(theirs.value, floor) / max(ours.value, floor)
            found = _bounds(metric, parts, _log_ratio(floor), confidence)
            bounds = None if found is None else (math.exp(found[0]), math.exp(found[1]))
        else:
            ratio, bounds = _rate_ratio(metric, first, second, confidence)
    return MetricChange(
        name=metric.name,
        title=metric.title,
        unit=metric.unit,
        first=ours.value,
        second=theirs.value,
        ratio=ratio,
        difference=difference,
        low=None if bounds is None else bounds[0],
        high=None if bounds is None or math.isinf(bounds[1]) else bounds[1],
        pairs=len(parts),
        change=_change(metric, ours.value, theirs.value, bounds, neutral=0.0 if metric.unit == "share" else 1.0),
    )


def _alike(metric: Metric, first: Pool, second: Pool) -> tuple[Pool, Pool]:
    """Both sides with the same faults: a mean over each side's own incidents gets worse if a side notices more of them,
    or is spared some that were soon over."""
    if metric.alike is None:
        return first, second
    found = [
        (one.arm, other.arm, fault.id)
        for one, other in zip(first.experiments, second.experiments, strict=True)
        for fault, twin in zip(one.faults, other.faults, strict=True)
        if acted(fault) and acted(twin) and metric.alike(fault, twin)
    ]
    ours, theirs = frozenset((arm, name) for arm, _, name in found), frozenset((arm, name) for _, arm, name in found)
    return replace(first, chosen=ours), replace(second, chosen=theirs)


def _change(
    metric: Metric,
    first: float | None,
    second: float | None,
    bounds: tuple[float, float] | None,
    *,
    neutral: float,
) -> Change:
    if first is None or second is None:
        return Change.UNKNOWN
    if bounds is None:
        return Change.SAME if first == second else Change.UNKNOWN
    if bounds[0] <= neutral <= bounds[1]:
        return Change.SAME
    return Change.BETTER if (bounds[0] > neutral) == metric.higher_is_better else Change.WORSE


@dataclass(frozen=True, slots=True)
class _Pair:
    """What one pair of experiments contributes to both sides' ratios of sums."""

    scenario: str
    first: tuple[float, float]
    second: tuple[float, float]


def _aligned(first: Pool, ours: Sequence[Part], theirs: Sequence[Part], second: Pool) -> list[_Pair]:
    mine = {key_of(part.experiment): (part.numerator, part.denominator) for part in ours}
    other = {key_of(part.experiment): (part.numerator, part.denominator) for part in theirs}
    keys = [key_of(experiment) for experiment in first.experiments]
    nothing = (0.0, 0.0)
    return [
        _Pair(key[0], mine.get(key, nothing), other.get(key, nothing)) for key in keys if key in mine or key in other
    ]


def _bounds(
    metric: Metric, pairs: Sequence[_Pair], combine: Callable[[Floats, Floats], Floats], confidence: float
) -> tuple[float, float] | None:
    """The interval of what both sides' ratios are combined to, over pairs drawn together."""
    first = ratio_of_sums([pair.first[0] for pair in pairs], [pair.first[1] for pair in pairs])
    second = ratio_of_sums([pair.second[0] for pair in pairs], [pair.second[1] for pair in pairs])

    def statistic(weights: Floats) -> Floats:
        return combine(first(weights), second(weights))

    typed: Statistic = statistic
    return interval(typed, [pair.scenario for pair in pairs], "compare", metric.name, confidence=confidence)


def _difference(first: Floats, second: Floats) -> Floats:
    return second - first


def _log_ratio(floor: float) -> Callable[[Floats, Floats], Floats]:
    def combine(first: Floats, second: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            values: Floats = np.log(np.maximum(second, floor)) - np.log(np.maximum(first, floor))
        return values

    return combine


def _rate_ratio(
    metric: Metric, first: Pool, second: Pool, confidence: float
) -> tuple[float | None, tuple[float, float] | None]:
    """The ratio of two rates of fault-free runs, with its exact interval: given all events, those of one side are
    binomial."""
    pages = metric.name == "on_call_pages"
    one, other = (
        exposure_of(pool.usable_controls, lambda alarm: not pages or alarm.severity == "critical")
        for pool in (first, second)
    )
    (k1, t1), (k2, t2) = (one.alarms, one.days), (other.alarms, other.days)
    if k1 + k2 == 0:
        return None, (1.0, 1.0)
    low, high = clopper_pearson(k2, k1 + k2, confidence)

    def ratio(share: float) -> float:
        return math.inf if share >= 1 else share / (1 - share) * t1 / t2

    return (None if k1 == 0 else (k2 / t2) / (k1 / t1)), (ratio(low), ratio(high))


def _detection_p(first: Pool, second: Pool) -> float | None:
    first, second = _alike(next(metric for metric in all_metrics() if metric.name == "mttd"), first, second)

    def watched(pool: Pool) -> tuple[list[float], list[bool]]:
        faults = [fault for experiment in pool.experiments for fault in pool.faults(experiment, acted)]
        found = [fault.detection for fault in faults if fault.detection is not None]
        times = [one.watched_s if one.time_to_detect_s is None else one.time_to_detect_s for one in found]
        return times, [one.time_to_detect_s is not None for one in found]

    (t1, s1), (t2, s2) = watched(first), watched(second)
    return log_rank((t1, t2), (s1, s2))[1] if t1 and t2 else None


_RANK: Mapping[Outcome, int] = {Outcome.ABSORBED: 0, Outcome.CAUGHT: 1, Outcome.SILENT: 2}


def _scenarios(pairs: Sequence[Both]) -> tuple[ScenarioChange, ...]:
    """The scenarios of which any pair differs in outcome or verdict."""
    groups: dict[str, list[Both]] = {}
    for one, other in pairs:
        groups.setdefault(one.scenario, []).append((one, other))
    found = []
    for scenario, group in groups.items():
        steps = [_step(one, other) for one, other in group]
        if not any(steps):
            continue
        whole = Change.WORSE if min(steps) > 0 else Change.BETTER if max(steps) < 0 else Change.SAME
        found.append(
            ScenarioChange(
                scenario=scenario,
                pairs=len(group),
                first=dict(sorted(Counter(one.outcome.value for one, _ in group).items())),
                second=dict(sorted(Counter(other.outcome.value for _, other in group).items())),
                passed_first=sum(one.verdict is Verdict.PASSED for one, _ in group),
                passed_second=sum(other.verdict is Verdict.PASSED for _, other in group),
                change=whole,
            )
        )
    return tuple(found)


def _step(one: ExperimentFinding, other: ExperimentFinding) -> int:
    """1 if the second side is worse for users or for the scenario's claims, -1 if better, 0 if these disagree."""
    before, after = _RANK.get(one.outcome), _RANK.get(other.outcome)
    users = 0 if before is None or after is None else (after > before) - (after < before)
    claims = (other.verdict is Verdict.FAILED) - (one.verdict is Verdict.FAILED)
    return max(-1, min(1, users + claims))
