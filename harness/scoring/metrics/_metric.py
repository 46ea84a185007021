"""The shape of a metric, what it is computed from, and how it is graded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from harness.scoring.findings import ControlFinding, ExperimentFinding, FaultFinding, MetricFinding
from harness.scoring.intervals import clopper_pearson, order_statistic, restricted_mean
from harness.scoring.policy import Policy
from harness.scoring.wording import duration_text
from harness.verdict import Outcome


@dataclass(frozen=True)
class Pool:
    """All that one profile showed. Inconclusive experiments and unusable controls are no data and left
    out."""

    experiments: tuple[ExperimentFinding, ...]
    controls: tuple[ControlFinding, ...]
    policy: Policy

    @cached_property
    def acted(self) -> tuple[FaultFinding, ...]:
        """Faults that touched something: inert and unknown ones are in no denominator."""
        return tuple(
            fault
            for experiment in self.experiments
            for fault in experiment.faults
            if fault.outcome in (Outcome.CAUGHT, Outcome.SILENT, Outcome.ABSORBED)
        )

    @cached_property
    def harmful(self) -> tuple[FaultFinding, ...]:
        """Faults that did harm, noticed or not."""
        return tuple(fault for fault in self.acted if fault.outcome is not Outcome.ABSORBED)

    @cached_property
    def usable_controls(self) -> tuple[ControlFinding, ...]:
        """Fault-free runs that say something."""
        return tuple(control for control in self.controls if not control.unusable)


@dataclass(frozen=True, slots=True)
class Measured:
    """A value with what is known about it; ``value`` None means not measured, and ``note`` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    censored: int = 0
    median: float | None = None
    p95: float | None = None
    tau_s: float | None = None
    note: str = ""


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
    """One metric: ``unit`` is ``s``, ``share``, ``per_day``, ``per_week`` or ``h``."""

    name: str
    title: str
    unit: str
    higher_is_better: bool
    rank: int
    columns: Columns | None
    compute: Callable[[Pool], Measured]

    def grade(self, value: float | None) -> str | None:
        """The best column that the value reaches: world_class, p50, p95, p99 or below_p99."""
        if value is None or self.columns is None:
            return None
        sign = 1 if self.higher_is_better else -1
        if sign * value > sign * self.columns.world:
            return "world_class"
        reached = [("p50", self.columns.p50), ("p95", self.columns.p95), ("p99", self.columns.p99)]
        return next((name for name, bound in reached if sign * value >= sign * bound), "below_p99")


def evaluate(metric: Metric, pool: Pool) -> MetricFinding:
    """The metric's value, interval and grade for a profile."""
    measured = metric.compute(pool)
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
        tau_s=measured.tau_s,
        grade=metric.grade(measured.value),
        note=measured.note,
    )


def times(values: list[float | None], tau_s: float, never: str, empty: str) -> Measured:
    """A mean time with censoring: what never happened counts as tau and is said so."""
    if not values:
        return Measured(None, tau_s=tau_s, note=empty)
    censored = sum(value is None for value in values)
    note = f"{censored} of {len(values)} {never}, each counted as {duration_text(tau_s)}" if censored else ""
    return Measured(
        restricted_mean(values, tau_s),
        n=len(values),
        censored=censored,
        median=order_statistic(values, 0.5),
        p95=order_statistic(values, 0.95),
        tau_s=tau_s,
        note=note,
    )


def proportion(hits: int, n: int, empty: str, *, exact: bool = False) -> Measured:
    """A share; with its exact interval where the trials are independent (faults), without where they are not
    (requests of one run)."""
    if n == 0:
        return Measured(None, note=empty)
    low, high = clopper_pearson(hits, n) if exact else (None, None)
    return Measured(hits / n, low, high, n=n)
