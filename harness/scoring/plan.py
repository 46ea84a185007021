"""The scenario as scoring needs it, read from the ``spec`` that a journal carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.scenario import model as scenario_model
from harness.verdict import Outcome


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault of the timeline."""

    id: str
    fault: str
    point: str
    at_s: float | None = None
    """When it is to begin, from the end of the warm-up; None if it follows another fault."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One falsifiable claim; ``kind`` is detect, recover, degradation or outcome. No ``fault`` means every
    one."""

    kind: str
    fault: str | None = None
    within_s: float = 0.0
    component: str | None = None
    signal: str = ""
    at_most: float = 0.0
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A resolved scenario: its faults and what it expects of the pipeline."""

    name: str
    description: str
    classification: Mapping[str, str]
    tags: tuple[str, ...]
    faults: tuple[PlannedFault, ...]
    expect: tuple[Expectation, ...]


def plan_of(spec: Mapping[str, Any]) -> Plan:
    """Reads the ``spec`` of an ``arm.start`` line. Raises ``ValueError`` for one that is no scenario.

    >>> fault = {"fault": "process.kill", "point": "service:training"}
    >>> plan = plan_of({"name": "dead", "faults": [fault], "expect": [{"detect_within": "5m"}]})
    >>> plan.faults[0].id, plan.expect[0].within_s
    ('process.kill', 300.0)
    """
    scenario = scenario_model.Scenario.from_spec(spec)
    classification = scenario.classification
    return Plan(
        name=scenario.name,
        description=scenario.description,
        classification={} if classification is None else classification.model_dump(mode="json"),
        tags=scenario.tags,
        faults=tuple(
            PlannedFault(fault_id, fault.fault, fault.point, None if fault.after else fault.at_s or 0.0)
            for fault_id, fault in zip(scenario.fault_ids(), scenario.faults, strict=True)
        ),
        expect=tuple(_expectation(expectation) for expectation in scenario.expect),
    )


def _expectation(claim: scenario_model.Expectation) -> Expectation:
    match claim:
        case scenario_model.DetectWithin():
            return Expectation("detect", claim.fault, claim.detect_within_s, claim.component)
        case scenario_model.RecoverWithin():
            return Expectation("recover", claim.fault, claim.recover_within_s)
        case scenario_model.DegradationAtMost():
            return Expectation("degradation", signal=claim.signal.value, at_most=claim.degradation_at_most)
        case scenario_model.OutcomeIs():
            return Expectation("outcome", claim.fault, outcome=claim.outcome)
