"""The shape of a metric, what it is computed from, how it gets its interval and its grade."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from harness.scoring.findings import ControlFinding, ExperimentFinding, FaultFinding, MetricFinding
from harness.scoring.intervals import clopper_pearson
from harness.scoring.policy import Policy
from harness.scoring.resampling import interval, ratio_of_sums
from harness.scoring.survival import kaplan_meier
from harness.scoring.wording import duration_text
from harness.verdict import Outcome

#: So many observations are needed before a 95th percentile says anything with 95 % confidence.
P95_LEAST = 59


@dataclass(frozen=True)
class Pool:
    """All that one profile showed. Inconclusive experiments and unusable controls are no data and left
    out."""

    experiments: tuple[ExperimentFinding, ...]
    controls: tuple[ControlFinding, ...]
    policy: Policy
    chosen: frozenset[tuple[str, str]] | None = None
    """In a comparison the faults that count on both sides, by arm and id; otherwise a metric's own rule decides."""

    def faults(self, experiment: ExperimentFinding, counts: Callable[[FaultFinding], bool]) -> list[FaultFinding]:
        """The faults of an experiment that count. Inert and unknown ones never do."""
        chosen = self.chosen
        return [
            fault
            for fault in experiment.faults
            if acted(fault) and (counts(fault) if chosen is None else (experiment.arm, fault.id) in chosen)
        ]

    @cached_property
    def usable_controls(self) -> tuple[ControlFinding, ...]:
        """Fault-free runs that say something."""
        return tuple(control for control in self.controls if not control.unusable)


def acted(fault: FaultFinding) -> bool:
    """Whether the fault touched something, and what came of it is known."""
    return fault.outcome in (Outcome.CAUGHT, Outcome.SILENT, Outcome.ABSORBED)


def harmful(fault: FaultFinding) -> bool:
    """Whether the fault did harm, noticed or not."""
    return fault.outcome in (Outcome.CAUGHT, Outcome.SILENT)


def noticed(fault: FaultFinding) -> bool:
    """Whether an alert was attributed to the fault."""
    return fault.detection is not None and fault.detection.first is not None


def incident(fault: FaultFinding) -> bool:
    """Whether the fault did harm or was noticed.

    One that is absorbed *and* noticed counts too: else a pipeline that stops faults at its door would be judged by its
    worst cases only.
    """
    return acted(fault) and (harmful(fault) or noticed(fault))


def either(rule: Callable[[FaultFinding], bool]) -> Callable[[FaultFinding, FaultFinding], bool]:
    """Compares what counts on at least one side, where the other's value is known all the same."""
    return lambda one, other: rule(one) or rule(other)


def both(rule: Callable[[FaultFinding], bool]) -> Callable[[FaultFinding, FaultFinding], bool]:
    """Compares what counts on both sides, where a side on which it does not has no value."""
    return lambda one, other: rule(one) and rule(other)


class Timed(NamedTuple):
    """A time, None if it never came, and how long it was watched for. ``ending``: it had come when the watch ended, but
    not for long enough to be sure of it."""

    value: float | None
    watched_s: float
    ending: bool = False

    def counted(self, tau_s: float) -> float:
        """What it counts as in a mean: tau if it never came, and until the end of the watch if only that is sure."""
        known = self.watched_s if self.ending else self.value
        return tau_s if known is None else min(known, tau_s)


class Part(NamedTuple):
    """What one experiment contributes to a ratio of sums."""

    experiment: ExperimentFinding
    numerator: float
    denominator: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A value with what is known about it; ``value`` None means not measured, and ``note`` says why.

    ``parts`` are the experiments' contributions to a value that is a ratio of sums; its interval comes from them unless
    ``low`` and ``high`` are there already.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    censored: int = 0
    median: float | None = None
    p95: float | None = None
    longest: float | None = None
    tau_s: float | None = None
    note: str = ""
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Columns:
    """The document's columns: the median organisation, the two worse tails, and world class (a strict
    bound)."""

    p50: float
    p95: float
    p99: float
    world: float


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: ``unit`` is ``s``, ``share``, ``per_day``, ``per_week``, ``per_incident`` or ``h``.

    ``benchmark`` marks the twelve of the source document; the others say how far those can be trusted.
    """

    name: str
    title: str
    unit: str
    higher_is_better: bool
    rank: int
    columns: Columns | None
    compute: Callable[[Pool], Measured]
    compared: bool = True
    """Whether a better value means a better pipeline, whatever the other metrics say."""
    alike: Callable[[FaultFinding, FaultFinding], bool] | None = None
    """Whether a comparison counts a fault that acted on both sides, for a metric that is one of faults."""

    @property
    def benchmark(self) -> bool:
        """Whether the source document has columns for it."""
        return self.columns is not None

    def grade(self, value: float | None) -> str | None:
        """The best column that the value reaches: world, p50, p95, p99 or below_p99."""
        if value is None or self.columns is None:
            return None
        sign = 1 if self.higher_is_better else -1
        if sign * value > sign * self.columns.world:
            return "world"
        reached = [("p50", self.columns.p50), ("p95", self.columns.p95), ("p99", self.columns.p99)]
        return next((name for name, bound in reached if sign * value >= sign * bound), "below_p99")


def evaluate(metric: Metric, pool: Pool) -> MetricFinding:
    """The metric's value, interval and grade for a profile."""
    measured = _with_interval(metric, metric.compute(pool))
    return MetricFinding(
        name=metric.name,
        title=metric.title,
        unit=metric.unit,
        value=measured.value,
        low=measured.low,
        high=measured.high,
        n=measured.n,
        censored=measured.censored,
        median=measured.median,
        p95=measured.p95,
        longest=measured.longest,
        tau_s=measured.tau_s,
        grade=metric.grade(measured.value),
        note=measured.note,
    )


def _with_interval(metric: Metric, measured: Measured) -> Measured:
    """The interval over repeats where scenarios were repeated, else over scenarios; none for fewer than three."""
    if measured.value is None or measured.high is not None or not measured.parts:
        return measured
    scenarios = [part.experiment.scenario for part in measured.parts]
    statistic = ratio_of_sums([p.numerator for p in measured.parts], [p.denominator for p in measured.parts])
    found = interval(statistic, scenarios, metric.name)
    if found is None:
        return measured
    most = 1.0 if metric.unit == "share" else measured.tau_s
    low, high = (max(0.0, bound if most is None else min(bound, most)) for bound in found)
    return replace(measured, low=low, high=high)


def parts_of(
    experiments: Iterable[ExperimentFinding], count: Callable[[ExperimentFinding], tuple[float, float]]
) -> tuple[Part, ...]:
    """The contributions of the experiments that have any: ``count`` gives numerator and denominator."""
    parts = (Part(experiment, *count(experiment)) for experiment in experiments)
    return tuple(part for part in parts if part.denominator > 0)


def mean_time(
    pool: Pool,
    counts: Callable[[FaultFinding], bool],
    time: Callable[[FaultFinding], Timed],
    tau_s: float,
    *,
    never: str,
    empty: str,
) -> Measured:
    """The mean over the pool's faults that count of ``min(T, tau)``; what never happened counts as tau and is said so.

    It is not Kaplan and Meier's restricted mean: that takes what was cut off to go on as the others do that were
    watched for longer. But a horizon is as long as its incident was thought to last: what outlasts it is not like the
    others. Median and 95th percentile are Kaplan and Meier's: None where they lie beyond what was watched.
    """

    def total(experiment: ExperimentFinding) -> tuple[float, float]:
        times = [time(fault).counted(tau_s) for fault in pool.faults(experiment, counts)]
        return sum(times), len(times)

    parts = parts_of(pool.experiments, total)
    found = [time(fault) for part in parts for fault in pool.faults(part.experiment, counts)]
    if not found:
        return Measured(None, tau_s=tau_s, note=empty)
    censored = sum(one.value is None for one in found)
    ending = sum(one.ending for one in found)
    curve = kaplan_meier(
        [one.watched_s if one.value is None else one.value for one in found], [one.value is not None for one in found]
    )
    lost = censored - ending
    notes = [f"{lost} of {len(found)} {never}, each counted as {duration_text(tau_s)}"] * (lost > 0)
    notes += [f"{ending} of {len(found)} seemed over when the watch ended, each counted until then"] * (ending > 0)
    return Measured(
        sum(part.numerator for part in parts) / len(found),
        n=len(found),
        censored=censored,
        median=curve.quantile(0.5),
        p95=curve.quantile(0.95) if len(found) >= P95_LEAST else None,
        longest=None if lost else max(one.counted(tau_s) for one in found),
        tau_s=tau_s,
        note="; ".join(notes),
        parts=parts,
    )


def share_of_faults(
    pool: Pool, counts: Callable[[FaultFinding], bool], hit: Callable[[FaultFinding], bool], empty: str
) -> Measured:
    """Faults that hit over those that count, with the exact interval of Clopper and Pearson."""
    found = [hit(fault) for experiment in pool.experiments for fault in pool.faults(experiment, counts)]
    if not found:
        return Measured(None, note=empty)
    low, high = clopper_pearson(sum(found), len(found))

    def count(experiment: ExperimentFinding) -> tuple[int, int]:
        counted = pool.faults(experiment, counts)
        return sum(map(hit, counted)), len(counted)

    parts = parts_of(pool.experiments, count)
    return Measured(sum(found) / len(found), low, high, n=len(found), parts=parts)


def share_of_counts(pool: Pool, count: Callable[[ExperimentFinding], tuple[float, float]], empty: str) -> Measured:
    """A share of things of which each experiment has many: they fail together, so the interval is over experiments."""
    parts = parts_of(pool.experiments, count)
    total = sum(part.denominator for part in parts)
    if not total:
        return Measured(None, note=empty)
    return Measured(sum(part.numerator for part in parts) / total, n=int(total), parts=parts)
