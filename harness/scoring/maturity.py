"""Measured maturity: the capabilities of the source document's comparison matrix, by what happened in the runs.

The document describes four columns in words. Each is read here as an outcome that a pipeline of that column must show;
where the document has numbers (its benchmark columns), those decide. A capability without data is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.scoring.findings import CapabilityFinding, CostFinding, ExperimentFinding, FaultFinding, MetricFinding
from harness.scoring.metrics._metric import acted, incident, noticed
from harness.scoring.wording import share_text
from harness.verdict import Outcome

__all__ = ["LEVELS", "maturity_of"]

#: The columns of the matrix.
LEVELS = ("ad-hoc operations", "basic MLOps", "mature MLOps", "world-class MLOps")

#: Families whose faults an operating system or a network shows; the others lie in what data and models mean.
SYSTEM = frozenset({"network", "process", "store", "dependency", "clock", "traffic"})
#: Families that can be seen where data comes in.
AT_THE_DOOR = frozenset({"schema", "freshness", "data", "volume"})
#: "Covered": more often than not. "World class": the document's share for silent failures.
HALF, WORLD = 0.5, 0.95

Judged = tuple[int | None, str]


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What a capability is judged by."""

    faults: tuple[FaultFinding, ...]
    experiments: tuple[ExperimentFinding, ...]
    metrics: dict[str, MetricFinding]
    cost: CostFinding | None


def maturity_of(
    experiments: Sequence[ExperimentFinding], metrics: Sequence[MetricFinding], cost: CostFinding | None
) -> tuple[CapabilityFinding, ...]:
    """The level of each capability: its column of the matrix from 1 to 4, None where nothing shows it."""
    faults = tuple(fault for experiment in experiments for fault in experiment.faults if acted(fault))
    evidence = _Evidence(faults, tuple(experiments), {metric.name: metric for metric in metrics}, cost)
    found = []
    for capability, judge in CAPABILITIES.items():
        level, why = judge(evidence)
        name = "not measured" if level is None else LEVELS[level - 1]
        found.append(CapabilityFinding(capability=capability, level=level, name=name, evidence=why))
    return tuple(found)


def _monitoring(evidence: _Evidence) -> Judged:
    """Basic: most system faults are noticed. Mature: most faults of data and models too. World class: nearly all."""
    seen = [fault for fault in evidence.faults if incident(fault)]
    system = _share(noticed(fault) for fault in seen if _family(fault) in SYSTEM)
    meaning = _share(noticed(fault) for fault in seen if _family(fault) not in SYSTEM)
    every = _share(noticed(fault) for fault in seen)
    if every is None:
        return None, "no fault did harm or was noticed"
    why = f"noticed: {share_text(system)} of system faults, {share_text(meaning)} of those in data and models"
    return _ladder(system, HALF, meaning, HALF, every, WORLD), why


def _response(evidence: _Evidence) -> Judged:
    return _by_columns(evidence.metrics["mttr"], "mean time to recovery, by the document's columns")


def _validation(evidence: _Evidence) -> Judged:
    """Basic: most schema faults are noticed where data comes in. Mature: most others too. World class: nearly all."""
    data = [fault for fault in evidence.faults if _family(fault) in AT_THE_DOOR]
    schema = _share(_at_the_door(fault) for fault in data if _family(fault) == "schema")
    meaning = _share(_at_the_door(fault) for fault in data if _family(fault) != "schema")
    every = _share(_at_the_door(fault) for fault in data)
    if every is None:
        return None, "no data fault was injected"
    why = f"noticed at the right place: {share_text(schema)} of schema faults, {share_text(meaning)} of others in data"
    return _ladder(schema, HALF, meaning, HALF, every, WORLD), why


def _deployment(evidence: _Evidence) -> Judged:
    """Basic: some bad releases are withdrawn. Mature: most. World class: all, and before they take over."""
    counts = [experiment.counts for experiment in evidence.experiments if experiment.counts]
    worse = sum(c.releases_worse for c in counts)
    if not worse:
        return None, "no release left users worse off"
    ended = sum(c.releases_worse_ended for c in counts)
    contained = sum(c.releases_worse_contained for c in counts)
    why = f"of {worse} bad releases {ended} were withdrawn, {contained} of them before they took over"
    level = 4 if contained == worse else 3 if ended / worse > HALF else 2 if ended else 1
    return level, why


def _recovery(evidence: _Evidence) -> Judged:
    return _by_columns(evidence.metrics["automated_recovery_rate"], "automated recovery, by the document's columns")


def _prevention(evidence: _Evidence) -> Judged:
    """How many faults never reach users: a quarter, half, and (the document's automated recovery) four fifths."""
    kept = _share(fault.outcome is Outcome.ABSORBED for fault in evidence.faults)
    if kept is None:
        return None, "no fault had an effect"
    return 1 + sum(kept >= bound for bound in (0.25, 0.5, 0.8)), f"{share_text(kept)} of faults did no harm"


def _efficiency(evidence: _Evidence) -> Judged:
    """Firefighting: people who are woken for nothing, and incidents that do not end without them."""
    pages, _ = _by_columns(evidence.metrics["on_call_pages"], "")
    alone, _ = _by_columns(evidence.metrics["automated_recovery_rate"], "")
    if pages is None or alone is None:
        return None, evidence.metrics["on_call_pages" if pages is None else "automated_recovery_rate"].note
    return min(pages, alone), "the worse of pages without a fault and automated recovery, by the document's columns"


def _cost(evidence: _Evidence) -> Judged:
    """Against the user's own budget: thrice, once, and a quarter of it."""
    cost = evidence.cost
    if cost is None or cost.budget_a_year is None or cost.expected_a_year is None:
        return None, "needs rates with a budget (--rates)"
    part = cost.expected_a_year / cost.budget_a_year
    return 1 + sum(part <= bound for bound in (3.0, 1.0, 0.25)), f"failures cost {share_text(part)} of the budget"


CAPABILITIES: dict[str, Callable[[_Evidence], Judged]] = {
    "Monitoring coverage": _monitoring,
    "Incident response": _response,
    "Data validation": _validation,
    "Deployment safety": _deployment,
    "Recovery capability": _recovery,
    "Failure prevention": _prevention,
    "Team efficiency": _efficiency,
    "Cost efficiency": _cost,
}


def _by_columns(metric: MetricFinding, why: str) -> Judged:
    """A capability that a benchmark measures: world class, the median organisation, its P95 tail, worse."""
    if metric.grade is None:
        return None, metric.note
    return {"world": 4, "p50": 3, "p95": 2}.get(metric.grade, 1), why


def _ladder(*steps: float | None) -> int:
    """How far a ladder of (share, bound) pairs is climbed; a rung without data is stepped over."""
    level, pairs = 1, list(zip(steps[::2], steps[1::2], strict=True))
    for rung, (share, bound) in enumerate(pairs, start=2):
        if share is None:
            continue
        if bound is None or share < bound:
            return level
        level = rung
    return level


def _share(hits: Iterable[bool]) -> float | None:
    found = list(hits)
    return sum(found) / len(found) if found else None


def _family(fault: FaultFinding) -> str:
    return fault.fault.partition(".")[0]


def _at_the_door(fault: FaultFinding) -> bool:
    return fault.detection is not None and fault.detection.localised_by is not None
