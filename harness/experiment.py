"""From scenarios and profiles to arms: every treatment has a control with its seed, and another with the next seed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from harness.scenario import ResolvedScenario, Scenario, resolve
from harness.targets.base import Arm, Growth

__all__ = ["grow", "plan_arms"]


def plan_arms(
    scenarios: Sequence[Scenario],
    profiles: Sequence[str],
    *,
    backend: str,
    default_start: datetime,
    seed: int | None = None,
    time_scale: float = 1.0,
) -> list[Arm]:
    """Controls first, then treatments in the order of the profiles and scenarios.

    Scenarios that share profile, seed and start share their controls, which are as long as the longest of them.
    ``seed`` wins over the scenarios' own.
    """
    resolved = [resolve(scenario, seed, start=default_start) for scenario in scenarios]
    treatments = [_treatment(one, profile, backend, time_scale) for profile in profiles for one in resolved]
    controls: dict[str, Arm] = {}
    for arm in treatments:
        for control_id, control_seed in _controls_of(arm):
            known = controls.get(control_id)
            control = replace(arm, arm_id=control_id, seed=control_seed, scenario=None, control=None, reference=())
            controls[control_id] = control if known is None else _longer(known, control)
    return [*controls.values(), *treatments]


def grow(arms: Sequence[Arm], journal_of: Callable[[str], Path], kept: Collection[str] = ()) -> list[Growth]:
    """The planned arms as trunks with their branches. Controls in ``kept`` need not be run for their own sake."""
    growths = []
    for control in (arm for arm in arms if arm.scenario is None):
        branches = tuple(arm for arm in arms if arm.control == control.arm_id)
        to_end = control.arm_id not in kept
        if branches or to_end:
            journals = {arm.arm_id: journal_of(arm.arm_id) for arm in (control, *branches)}
            growths.append(Growth(control, branches, journals, to_end))
    return growths


def _treatment(resolved: ResolvedScenario, profile: str, backend: str, time_scale: float) -> Arm:
    scenario = resolved.scenario
    assert scenario.start is not None
    arm = Arm(
        arm_id=f"{scenario.name}/{profile}/seed-{resolved.seed}",
        profile=profile,
        backend=backend,
        seed=resolved.seed,
        start=scenario.start,
        warmup_s=scenario.warmup_s,
        end_s=scenario.warmup_s + scenario.horizon_s,
        scenario=scenario,
        time_scale=time_scale,
    )
    (control, _), *others = _controls_of(arm)
    return replace(arm, control=control, reference=tuple(other for other, _ in others))


def _controls_of(arm: Arm) -> Iterable[tuple[str, int]]:
    """(id, seed) of the control of an arm, and of the fault-free arm that tells how much seeds differ."""
    for seed in (arm.seed, arm.seed + 1):
        start = arm.start.strftime("%Y%m%dT%H%M%S")
        yield f"control/{arm.profile}/seed-{seed}/{start}/warmup-{arm.warmup_s:g}", seed


def _longer(one: Arm, other: Arm) -> Arm:
    return one if one.end_s >= other.end_s else other
