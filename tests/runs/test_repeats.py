"""Repeats: which seeds and phases, which controls, and how one of them is run again."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from harness.commands.costs import cost_lines, cost_text
from harness.experiment import plan_arms, shift_of
from harness.repeats import PHASE_S, repeats_of
from harness.scenario import Scenario, parse_scenario
from harness.targets.base import Arm
from harness.targets.reference.layout import DEFAULT_START
from harness.workers import Done


def scenario(name: str) -> Scenario:
    return parse_scenario(
        f"name: {name}\nwarmup: 3h\nhorizon: 4h\n"
        'faults: [{id: kill, fault: process.kill, point: "service:serving", at: 1h, for: 1h},\n'
        '         {fault: process.kill, point: "service:features", after: {fault: kill, effect: reverted}}]\n'
        "expect: [{detect_within: 1h}]\n"
    )


def plan(count: int, *names: str, **more: float) -> tuple[list[Scenario], list[Arm]]:
    scenarios = [scenario(name) for name in names or ("a",)]
    arms = plan_arms(scenarios, ["p"], backend="sim", default_start=DEFAULT_START, repeats=count, **more)  # type: ignore[arg-type]
    return scenarios, arms


@given(st.integers(1, 400), st.integers(0, 1000))
def test_the_first_repeat_is_the_scenario_as_it_stands_and_no_two_are_alike(count: int, seed: int) -> None:
    found = list(repeats_of("a", seed, count))
    assert (found[0].seed, found[0].shift_s) == (seed, 0.0)
    assert len(found) == count
    assert all(0 < repeat.shift_s <= PHASE_S for repeat in found[1:])
    assert len(set(found)) == count
    assert len({repeat.seed for repeat in found}) ** 2 <= count + 2 * count**0.5 + 1
    assert set(found[: count // 2]) <= set(repeats_of("a", seed, count)) or count < 2


def test_phases_cover_the_hour_evenly() -> None:
    quarters = Counter(int(repeat.shift_s // 900) for repeat in list(repeats_of("a", 1, 401))[1:])
    assert all(60 <= quarters[quarter] <= 140 for quarter in range(4))


def test_repeats_of_a_seed_share_its_control_which_lasts_as_long_as_the_longest() -> None:
    _, arms = plan(9)
    controls = {arm.arm_id: arm for arm in arms if arm.scenario is None}
    treatments = [arm for arm in arms if arm.scenario is not None]
    assert len(treatments) == 9
    assert sorted(arm.seed for arm in controls.values()) == [1, 2, 3, 4]
    for arm in treatments:
        assert arm.control is not None
        assert controls[arm.control].seed == arm.seed
        assert controls[arm.control].end_s >= arm.end_s
    assert len({arm.arm_id for arm in arms}) == len(arms)


def test_a_later_fault_is_watched_for_as_long_and_what_follows_it_follows_it() -> None:
    scenarios, arms = plan(2)
    as_written, later = (arm for arm in arms if arm.scenario is not None)
    assert as_written.scenario is not None
    assert later.scenario is not None
    shift = shift_of(later, scenarios)
    assert shift > 0
    assert shift_of(as_written, scenarios) == 0
    assert (later.scenario.faults[0].at_s, later.scenario.faults[0].for_s) == (3600 + shift, 3600)
    assert later.scenario.faults[1].after == as_written.scenario.faults[1].after
    assert later.end_s == as_written.end_s + shift
    assert later.scenario.warmup_s == as_written.scenario.warmup_s


def test_one_repeat_can_be_planned_by_itself() -> None:
    scenarios, arms = plan(6)
    last = arms[-1]
    alone = plan_arms(
        scenarios, ["p"], backend="sim", default_start=DEFAULT_START, seed=last.seed, shift_s=shift_of(last, scenarios)
    )
    assert alone[-1] == last


def test_phases_of_scenarios_are_independent() -> None:
    shifts = {name: [repeat.shift_s for repeat in repeats_of(name, 1, 8)] for name in ("a", "b")}
    assert shifts["a"][1:] != shifts["b"][1:]


def test_the_cost_of_a_run_is_told_by_scenario_and_arm() -> None:
    _, arms = plan(2)
    done = [Done(arm.arm_id, "horizon", None, 1.5, 2.0) for arm in arms[1:]] + [Done(arms[0].arm_id, "horizon")]
    assert cost_text(arms, done) == ("cost in CPU time: 3 s a scenario and profile, 2 controls 3 s, 1 kept from before")
    lines = list(cost_lines(arms, done))
    assert lines[0].split("  ")[1] == "kept from before"
    assert lines[-1].startswith("    1.50 s CPU   2.00 s wall     a/p/seed-2/later-")
