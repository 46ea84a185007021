"""What every report says, as plain text: each format only lays it out."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence

from harness.scoring.expectations import alert_text, grade_text
from harness.scoring.findings import (
    CostFinding,
    ExpectationFinding,
    ExperimentFinding,
    FaultFinding,
    MetricFinding,
    ProfileFinding,
    RecoveryKind,
    ScenarioFinding,
    TierFinding,
)
from harness.scoring.metrics import P95_LEAST
from harness.scoring.policy import HOUR_S
from harness.scoring.scorecard import Scorecard
from harness.scoring.wording import brief_text, duration_text, number_text, share_text
from harness.verdict import Outcome, Verdict

Rerun = Callable[[ExperimentFinding], str]
"""Gives the command that runs an experiment again."""

HARM_NOTE = (
    "Harm is the excess loss of predictions over the control run, as the time of a total outage that would "
    "hurt as much."
)
BRACKETS_NOTE = "In brackets: predictions stayed as good, but for so long answers were late or stale."


REPEATS_NOTE = "Times and harm are means over repeats, with 95 % intervals over seeds and injection phases."


def plain(text: str) -> str:
    """Text of a pipeline or a scenario made harmless to lay out: one line, no control or direction marks.

    >>> plain("evil\\x1b[2J\\nname\\u202e")
    'evil�[2J name�'
    """
    return " ".join(harmless(text).split())


def harmless(text: str) -> str:
    """The same, keeping every space where it is."""
    if text.isascii() and text.isprintable():
        return text
    spaced = "".join(" " if c.isspace() else c for c in text)
    return "".join("�" if unicodedata.category(c) in _UNSEEN or c in _NO_CHARACTERS else c for c in spaced)


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co"})
#: Neither XML nor anybody else can hold these.
_NO_CHARACTERS = "\ufffe\uffff"


def headline(scorecard: Scorecard) -> str:
    """The run in one sentence."""
    if not scorecard.experiments:
        return "No experiment was run."
    scenarios = len({experiment.scenario for experiment in scorecard.experiments})
    tiers = "; ".join(f"{plain(p.profile)} is {tier_text(p.tier)}" for p in scorecard.profiles if p.experiments)
    return f"{scenarios} scenario{'s' * (scenarios != 1)}: {tiers}."


def setting(scorecard: Scorecard) -> str:
    """Backends and seeds of the run."""
    backends = sorted({experiment.backend for experiment in scorecard.experiments})
    seeds = sorted({experiment.seed for experiment in scorecard.experiments})
    shown = ", ".join(str(seed) for seed in seeds[:5]) + (", ..." if len(seeds) > 5 else "")
    return f"backend {plain(', '.join(backends))}, seed{'s' * (len(seeds) != 1)} {shown}"


def tier_text(tier: TierFinding) -> str:
    """A tier in words: ``tier 3, proactive``."""
    if tier.level is None:
        return "without a tier"
    return f"at tier {tier.level}, {tier.name}" if tier.level else tier.name


def holds_back_text(tier: TierFinding) -> str:
    """What keeps a profile where it is."""
    return "; ".join(tier.holds_back) if tier.holds_back else "nothing above it"


def metric_text(metric: MetricFinding) -> str:
    """A metric's value in its unit."""
    return value_text(metric, metric.value)


def value_text(metric: MetricFinding, value: float | None) -> str:
    """Any value of a metric in the metric's unit."""
    if value is None:
        return "—"
    if metric.unit in ("s", "h"):
        return duration_text(value * (HOUR_S if metric.unit == "h" else 1))
    if metric.unit == "share":
        return share_text(value)
    return f"{number_text(value)} {'an' if metric.unit == 'per_incident' else 'a'} {metric.unit.removeprefix('per_')}"


def interval_text(metric: MetricFinding) -> str:
    """The 95 % interval of a metric, short enough to stand beside the value; empty if there is none."""
    if metric.low is None or metric.high is None:
        return ""
    low, high = (value_text(metric, bound) for bound in (metric.low, metric.high))
    if low == high:
        return ""
    shared = low.rpartition(" ")[2]
    if metric.unit not in ("s", "h") and shared == high.rpartition(" ")[2]:
        low = low.removesuffix(f" {shared}")
    return f"[{low} to {high}]"


def spread_text(metric: MetricFinding) -> str:
    """What is known about a value besides itself: its interval or bound, its tail, how much was censored."""
    parts = []
    interval = interval_text(metric)
    if interval:
        parts.append(f"95 % interval {interval[1:-1]}, n = {metric.n}")
    elif metric.high is not None and metric.low is None:
        parts.append(f"at most {number_text(metric.high)} with 95 % confidence")
    elif metric.value is not None and metric.tau_s is None:
        parts.append(f"n = {metric.n}")
    if metric.tau_s is not None and metric.value is not None:
        parts.append(_tail(metric) + ("" if interval else f", n = {metric.n}"))
    return "; ".join([*parts, *([metric.note] if metric.note else [])])


def _tail(metric: MetricFinding) -> str:
    """The 95th percentile where there are enough observations for one, else the longest."""
    beyond = f"> {duration_text(metric.tau_s)}"
    if metric.n >= P95_LEAST:
        return f"P95 {beyond if metric.p95 is None else duration_text(metric.p95)}"
    return f"longest {beyond if metric.longest is None else duration_text(metric.longest)}"


GRADES = {
    "world": "world class",
    "p50": "P50",
    "p95": "P95",
    "p99": "P99",
    "below_p99": "below P99",
}


def detected_text(experiment: ExperimentFinding) -> str:
    """When and where an experiment's faults were detected, short enough for a table."""
    seen = [fault.detection for fault in experiment.faults if fault.detection is not None]
    if not seen:
        return "—"
    if len(seen) > 1:
        return f"{sum(detection.first is not None for detection in seen)} of {len(seen)} faults"
    first = seen[0].first
    if first is None:
        return "no alert"
    return f"{brief_text(seen[0].time_to_detect_s)} {plain(first.component)}".rstrip()


def recovered_text(experiment: ExperimentFinding) -> str:
    """How the harm of an experiment's faults ended, worst first, short enough for a table."""
    order = (
        RecoveryKind.NEVER,
        RecoveryKind.UNCONFIRMED,
        RecoveryKind.RECOVERED,
        RecoveryKind.MITIGATED,
        RecoveryKind.NOT_NEEDED,
    )
    found = [fault.recovery for fault in experiment.faults if fault.recovery]
    if not found:
        return "—"
    last = min(found, key=lambda recovery: (order.index(recovery.kind), -(recovery.time_to_recover_s or 0)))
    if last.kind is RecoveryKind.NOT_NEEDED:
        return "no harm"
    if last.kind is RecoveryKind.NEVER:
        return "never"
    if last.kind is RecoveryKind.UNCONFIRMED:
        return "not for sure"
    return brief_text(last.time_to_recover_s) + (" mitigated" if last.kind is RecoveryKind.MITIGATED else "")


def harm_of(experiment: ExperimentFinding) -> float | None:
    """The total harm of an experiment in hours of a total outage; None if nothing was measured."""
    return next((harm.area for harm in experiment.signals if harm.signal == "total"), None)


def harm_text(experiment: ExperimentFinding) -> str:
    """The total harm as a duration of outage; in brackets how long other signals suffered, if only they
    did."""
    harm = harm_of(experiment)
    if harm is None:
        return "—"
    if harm * HOUR_S >= 1:
        return brief_text(harm * HOUR_S)
    others = [signal.area for signal in experiment.signals if signal.decides and signal.t_on is not None]
    return f"({brief_text(max(others) * HOUR_S)})" if others else "none"


def suffered_text(experiment: ExperimentFinding) -> str:
    """Harm, availability, and whatever else suffered, in a line."""
    harm = harm_of(experiment) or 0.0
    parts = [f"harm {brief_text(harm * HOUR_S) if harm * HOUR_S >= 1 else 'none'}"]
    parts.append(f"availability {availability_text(experiment)}")
    for signal in experiment.signals:
        if signal.t_on is not None and signal.signal not in ("total", "quality", "availability"):
            parts.append(f"{signal.title.lower()} lost for {brief_text(signal.area * HOUR_S)}")
    return ", ".join(parts)


def availability_text(experiment: ExperimentFinding) -> str:
    """The share of requests answered in an experiment's horizon."""
    counts = experiment.counts
    return "—" if counts is None or not counts.requests else share_text(counts.answered / counts.requests)


def reason_text(experiment: ExperimentFinding) -> str:
    """Why the outcome is what it is: which alert, from where, how soon, which recovery."""
    if experiment.timeline is None:
        return " ".join(sentence(reason) for reason in experiment.reasons)
    stories: dict[str, list[str]] = {}
    for fault in experiment.faults:
        stories.setdefault(fault_text(fault), []).append(plain(fault.id))
    if len(stories) == 1:
        return next(iter(stories))
    return " ".join(f"{', '.join(names)}: {story}" for story, names in stories.items())


def fault_text(fault: FaultFinding) -> str:
    """One fault's story in a sentence or two."""
    detection, recovery = fault.detection, fault.recovery
    if detection is None or recovery is None:
        return sentence(fault.reason)
    if detection.first is None:
        noticed = "Nothing alerted."
    else:
        by = f" {grade_text(detection.grade)}" if detection.grade.value != "none" else ""
        noticed = f"{plain(alert_text(detection.first))} after {duration_text(detection.time_to_detect_s)},{by}."
    if recovery.kind is RecoveryKind.NOT_NEEDED:
        return f"{noticed} Users did not notice."
    worse = ", ".join(harm.title.lower() for harm in fault.signals if harm.decides and harm.t_on is not None)
    if recovery.kind is RecoveryKind.NEVER:
        ended = "never recovered"
    elif recovery.kind is RecoveryKind.UNCONFIRMED:
        ended = "back at the end, " + ("but alerts never resolved" if recovery.firing else "too late to be sure")
    elif recovery.kind is RecoveryKind.MITIGATED:
        ended = f"mitigated under the fault after {duration_text(recovery.from_effect_s)}"
    elif not recovery.from_removal_s:
        ended = "recovered as soon as the fault ended"
    else:
        ended = f"recovered {duration_text(recovery.from_removal_s)} after the fault's end"
    again = ", with a relapse" if recovery.relapsed else ""
    whose = f" The harm may be that of {' or '.join(map(plain, fault.shared_with))}." if fault.shared_with else ""
    return f"{noticed} {sentence(f'{worse} suffered, {ended}{again}')}{whose}"


def sentence(text: str) -> str:
    """The text with a capital and a full stop.

    >>> sentence("users suffered")
    'Users suffered.'
    """
    flat = plain(text)
    return flat[:1].upper() + flat[1:] + ("" if flat.endswith((".", "?", "!")) else ".") if flat else ""


def count_text(counts: Mapping[str, int], what: str) -> str:
    """How many of the repeats ended so: ``18/20``."""
    return f"{counts.get(what, 0)}/{sum(counts.values())}"


def brief_metric(scenario: ScenarioFinding, name: str) -> str:
    """A scenario's mean over its repeats with its interval, short enough for a table."""
    metric = scenario.metric(name)
    if metric.value is None:
        return "—"
    if metric.unit == "share":
        return share_text(metric.value)
    scale = HOUR_S if metric.unit == "h" else 1.0
    text = brief_text(metric.value * scale) if metric.value else "none"
    if metric.low is None or metric.high is None or metric.low == metric.high:
        return text
    low, high = brief_text(metric.low * scale), brief_text(metric.high * scale)
    low = low.removesuffix(f" {high.rpartition(' ')[2]}")
    return f"{text} [{low}–{high}]"


def repeats_text(scenario: ScenarioFinding) -> str:
    """How the repeats of a scenario ended, worst for users first: ``SILENT 2, CAUGHT 18 of 20``."""
    order = ("silent", "unknown", "caught", "absorbed", "inert")
    found = [f"{scenario.outcomes[name]} {name}" for name in order if scenario.outcomes.get(name)]
    if len(found) == 1:
        return f"all {scenario.repeats} {scenario.outcome.value}"
    return f"{', '.join(found)} of {scenario.repeats}"


def repeated(scorecard: Scorecard) -> bool:
    """Whether any scenario was run more than once under a profile."""
    return any(scenario.repeats > 1 for scenario in scorecard.scenarios)


def telling(experiments: Iterable[ExperimentFinding]) -> ExperimentFinding:
    """The repeat to look at: with the worst verdict, and among these the most harmful."""
    return max(experiments, key=lambda e: (e.verdict.severity, harm_of(e) or 0.0))


def maturity_text(profile: ProfileFinding) -> str:
    """The measured capabilities by level, best first."""
    groups: dict[str, list[str]] = {}
    for found in sorted(profile.maturity, key=lambda found: -(found.level or 0)):
        if found.level is not None:
            groups.setdefault(found.name, []).append(found.capability.lower())
    return "; ".join(f"{name}: {', '.join(capabilities)}" for name, capabilities in groups.items())


def cost_text(cost: CostFinding) -> str:
    """What failures cost a year, and of what that consists."""
    if cost.expected_a_year is None:
        return "cost of failures unknown: no fault had an effect"
    text = f"failures cost {_money(cost, cost.expected_a_year)} a year"
    if cost.low is not None and cost.high is not None:
        text += f" [{_money(cost, cost.low)} to {_money(cost, cost.high)}]"
    parts = [("revenue", cost.revenue), ("recovery", cost.recovery), ("reputation", cost.reputation)]
    text += " (" + ", ".join(f"{name} {_money(cost, value)}" for name, value in [*parts, ("pages", cost.pages)]) + ")"
    if cost.prevention_a_year is not None:
        text += f", prevention {_money(cost, cost.prevention_a_year)}"
    if cost.unmeasured:
        text += f"; unknown for {', '.join(plain(name) for name in cost.unmeasured)}: no such fault acted"
    return text


def _money(cost: CostFinding, value: float) -> str:
    return f"{value:,.0f} {plain(cost.currency)}".replace(",", "\u202f").rstrip()


def silent_ones(scorecard: Scorecard, profile: ProfileFinding) -> list[ExperimentFinding]:
    """The profile's experiments in which users were harmed and nobody was told."""
    return [e for e in scorecard.experiments if e.profile == profile.profile and e.outcome is Outcome.SILENT]


def unsteady_ones(scorecard: Scorecard, profile: ProfileFinding) -> list[ExperimentFinding]:
    """The profile's experiments in which the steady state did not hold again after the faults."""
    return [e for e in scorecard.experiments if e.profile == profile.profile and e.unsteady_after]


def unmet(experiment: ExperimentFinding) -> Sequence[ExpectationFinding]:
    """The claims that did not come true, or could not be judged."""
    return [claim for claim in experiment.expectations if claim.verdict is not Verdict.PASSED]


def false_alarms_text(profile: ProfileFinding) -> str:
    """The false-alarm rate with its bound: what MTTD must be read with."""
    rate = profile.metric("false_alarm_rate")
    if rate.value is None:
        return "an unknown rate of false alarms"
    bound = "" if rate.high is None else f" (at most {number_text(rate.high)})"
    return f"{number_text(rate.value)} false alarms a day{bound}"
