"""The arms of a gameday: a treatment for each time that a round is played, and the controls that it is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.experiment import plan_arms
from harness.gameday.load import LoadedPlan
from harness.gameday.plan import Plan
from harness.scenario import Scenario
from harness.targets.base import SIMULATOR, Arm, Target

__all__ = ["RoundArms"]


class RoundArms:
    """Plans the arms of a loaded plan.

    With `by_hand` an arm lasts for the scenario's horizon after the longest wait, and so do its controls, because it is
    not known yet when the scenario will begin.
    """

    def __init__(self, loaded: LoadedPlan, target: Target) -> None:
        plan = loaded.plan
        scenarios = [_moved(scenario, plan) for scenario in loaded.scenarios]
        wait_s = plan.longest_wait_s if plan.order == "by_hand" else 0.0
        waited = [scenario.model_copy(update={"horizon_s": scenario.horizon_s + wait_s}) for scenario in scenarios]
        planned = self._plan(plan, scenarios, target)
        longest = self._plan(plan, waited, target)
        self.controls = tuple(arm for arm in longest if arm.scenario is None)
        self._treatments = [
            replace(arm, end_s=arm.end_s + wait_s) for arm in planned[-len(scenarios) :] if arm.scenario is not None
        ]

    @staticmethod
    def _plan(plan: Plan, scenarios: Sequence[Scenario], target: Target) -> list[Arm]:
        return plan_arms(
            scenarios,
            [plan.profile],
            backend=plan.backend,
            default_start=target.default_start(),
            seed=plan.seed,
            time_scale=1.0 if plan.backend == SIMULATOR else plan.speed,
        )

    def treatment(self, number: int, attempt: int) -> Arm:
        """The arm of a round (from 0) that is played for the so-many-th time (from 1)."""
        arm = self._treatments[number]
        again = "" if attempt == 1 else f"/attempt-{attempt}"
        return replace(arm, arm_id=f"{arm.arm_id}/round-{number + 1}{again}")


def _moved(scenario: Scenario, plan: Plan) -> Scenario:
    return scenario if plan.start is None else scenario.model_copy(update={"start": plan.start})
