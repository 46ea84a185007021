"""What a run cost to compute. Not in its journal: that is the same to the byte wherever it is made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.scoring.wording import number_text
from harness.targets.base import Arm
from harness.workers import Done

__all__ = ["cost_lines", "cost_text"]


def cost_text(arms: Sequence[Arm], done: Sequence[Done]) -> str:
    """CPU seconds of a run: those of a scenario and profile on average, and of the controls that they share."""
    scenarios = {arm.arm_id: (arm.scenario.name, arm.profile) for arm in arms if arm.scenario is not None}
    spent = sum(one.cpu_s for one in done if one.arm_id in scenarios)
    controls = [one for one in done if one.arm_id not in scenarios]
    ran = [one for one in controls if one.cpu_s > 0]
    count = len({scenarios[one.arm_id] for one in done if one.arm_id in scenarios})
    shared = f"{len(ran)} controls {_seconds(sum(one.cpu_s for one in ran))}"
    kept = f", {len(controls) - len(ran)} kept from before" if len(controls) > len(ran) else ""
    each = f"{_seconds(spent / count)} a scenario and profile" if count else "no scenario"
    return f"cost in CPU time: {each}, {shared}{kept}"


def cost_lines(arms: Sequence[Arm], done: Sequence[Done]) -> Iterable[str]:
    """What each arm took, in the order of the plan."""
    by_arm = {one.arm_id: one for one in done}
    for arm in arms:
        one = by_arm.get(arm.arm_id)
        if one is not None:
            spent = f"{one.cpu_s:6.2f} s CPU {one.wall_s:6.2f} s wall" if one.cpu_s else "kept from before"
            yield f"  {spent:<29}  {arm.arm_id}"


def _seconds(value: float) -> str:
    return f"{number_text(value)} s"
