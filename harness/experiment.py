"""From scenarios and profiles to arms: every treatment has a control with its seed, and another with the next seed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from harness.repeats import Repeat, repeats_of, shifted
from harness.scenario import DEFAULT_SEED, ResolvedScenario, Scenario, resolve
from harness.targets.base import HARNESS_LOAD, Arm, Density, Growth

__all__ = ["REFERENCE_S", "grow", "plan_arms", "shift_of"]

#: For so long after its warm-up a fault-free run of another seed says how much seeds differ: weeks would say no more.
REFERENCE_S = 3 * 86_400.0


def plan_arms(
    scenarios: Sequence[Scenario],
    profiles: Sequence[str],
    *,
    backend: str,
    default_start: datetime,
    seed: int | None = None,
    repeats: int = 1,
    shift_s: float = 0.0,
    time_scale: float = 1.0,
    load: str = HARNESS_LOAD,
) -> list[Arm]:
    """Controls first, then treatments in the order of the profiles, the scenarios and their repeats.

    Treatments that share profile, seed, start and density share their controls, which are as long as the longest of
    them; of another seed, `REFERENCE_S` are enough. ``seed`` wins over the scenarios' own; ``shift_s`` lets all faults
    of a first repeat begin so much later.
    """
    template = Arm("", "", backend, 0, default_start, 0.0, 0.0, time_scale=time_scale, load=load)
    treatments = [
        _treatment(resolve(scenario, repeat.seed, start=default_start), repeat.shift_s or shift_s, profile, template)
        for profile in dict.fromkeys(profiles)
        for scenario in scenarios
        for repeat in _repeats(scenario, seed, repeats)
    ]
    controls: dict[str, Arm] = {}
    for arm in treatments:
        for control_id, control_seed in _controls_of(arm):
            known = controls.get(control_id)
            end_s = arm.end_s if control_seed == arm.seed else min(arm.end_s, arm.warmup_s + REFERENCE_S)
            control = replace(
                arm, arm_id=control_id, seed=control_seed, end_s=end_s, scenario=None, control=None, reference=()
            )
            controls[control_id] = control if known is None else _longer(known, control)
    return [*controls.values(), *treatments]


def shift_of(arm: Arm, scenarios: Sequence[Scenario]) -> float:
    """By how much an arm's faults begin later than its scenario says, in seconds; 0 for a control."""
    if arm.scenario is None:
        return 0.0
    as_written = next(scenario for scenario in scenarios if scenario.name == arm.scenario.name)
    return arm.scenario.horizon_s - as_written.horizon_s


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


def _repeats(scenario: Scenario, seed: int | None, count: int) -> Iterable[Repeat]:
    own = DEFAULT_SEED if scenario.seed is None else scenario.seed
    return repeats_of(scenario.name, own if seed is None else seed, count)


def _treatment(resolved: ResolvedScenario, shift_s: float, profile: str, template: Arm) -> Arm:
    scenario = shifted(resolved, shift_s).scenario if shift_s else resolved.scenario
    assert scenario.start is not None
    later = f"/later-{shift_s:g}s" if shift_s else ""
    arm = replace(
        template,
        arm_id=f"{scenario.name}/{profile}/seed-{resolved.seed}{later}",
        profile=profile,
        seed=resolved.seed,
        start=scenario.start,
        warmup_s=scenario.warmup_s,
        end_s=scenario.warmup_s + scenario.horizon_s,
        scenario=scenario,
        density=Density(
            grain_s=scenario.grain_s or 0.0,
            users=1.0 if scenario.users is None else scenario.users,
            through=scenario.through or "",
        ),
    )
    (control, _), *others = _controls_of(arm)
    return replace(arm, control=control, reference=tuple(other for other, _ in others))


def _controls_of(arm: Arm) -> Iterable[tuple[str, int]]:
    """(id, seed) of the control of an arm, and of the fault-free arm that tells how much seeds differ."""
    for seed in (arm.seed, arm.seed + 1):
        start = arm.start.strftime("%Y%m%dT%H%M%S")
        density = "".join(f"/{name.removesuffix('_s')}-{value}" for name, value in arm.density.fields().items())
        yield f"control/{arm.profile}/seed-{seed}/{start}/warmup-{arm.warmup_s:g}{density}", seed


def _longer(one: Arm, other: Arm) -> Arm:
    return one if one.end_s >= other.end_s else other
