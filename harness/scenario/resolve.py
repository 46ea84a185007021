"""A scenario with everything that was left open filled in: what a run executes and its journal keeps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chaos.registry import Registry
from chaos.registry import registry as built_in
from harness.scenario.model import FaultSpec, Scenario

__all__ = ["DEFAULT_SEED", "ResolvedScenario", "resolve"]

DEFAULT_SEED = 1


@dataclass(frozen=True, slots=True)
class ResolvedScenario:
    """An explicit scenario and its seed: each fault has an id, all parameters and, where known, an end."""

    scenario: Scenario
    seed: int

    @property
    def spec(self) -> dict[str, Any]:
        """Plain JSON in the words of a scenario file; `Scenario.from_spec` reads it back."""
        return self.scenario.to_spec()


def resolve(
    scenario: Scenario,
    seed: int | None = None,
    *,
    start: datetime | None = None,
    registry: Registry = built_in,
) -> ResolvedScenario:
    """Fill in what the scenario leaves open.

    ``seed`` wins over the scenario's own, which wins over `DEFAULT_SEED`. ``start`` is the target's default,
    used when the scenario has none. Resolving twice changes nothing more.
    """
    chosen = next(number for number in (seed, scenario.seed, DEFAULT_SEED) if number is not None)
    faults = [
        _explicit(spec, fault_id, scenario.horizon_s, registry)
        for spec, fault_id in zip(scenario.faults, scenario.fault_ids(), strict=True)
    ]
    filled = scenario.model_copy(update={"seed": chosen, "faults": tuple(faults), "start": scenario.start or start})
    return ResolvedScenario(Scenario.from_spec(filled.to_spec()), chosen)


def _explicit(spec: FaultSpec, fault_id: str, horizon_s: float, registry: Registry) -> FaultSpec:
    fault = registry.get(spec.fault).model_validate(spec.params)
    update: dict[str, Any] = {"id": fault_id, "params": fault.model_dump(mode="json", by_alias=True)}
    if spec.after is None:
        update["at_s"] = spec.at_s or 0.0
        if spec.for_s is None:
            update["for_s"] = horizon_s - update["at_s"]
    return spec.model_copy(update=update)
