"""Who holds what, and what may be used at most: whatever the order, the last one to end leaves it as it was."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from harness.targets.reference.holds import DOWN, Caps, Holds

#: (fault, its cap); a fault that is named again ends.
STEPS = st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0.01, 4.0)), max_size=20)


def in_turn(steps: list[tuple[str, float]]) -> Iterator[tuple[str, float, dict[str, float]]]:
    """Each step with the faults that are active after it; the end of those that are left last."""
    active: dict[str, float] = {}
    for fault_id, value in [*steps, *((last, 0.0) for last in "abcd")]:
        if fault_id in active:
            active.pop(fault_id)
        elif value:
            active[fault_id] = value
        else:
            continue
        yield fault_id, value, dict(active)


@given(steps=STEPS, before=st.sampled_from([0.0, 0.5, 2.0]))
def test_the_lowest_cap_holds_until_what_was_there_before_is_back(
    steps: list[tuple[str, float]], before: float
) -> None:
    caps, now = Caps(), before
    for fault_id, value, active in in_turn(steps):
        if fault_id in active:
            now = caps.take("CPUs of serving", fault_id, value, before=now)
        else:
            now = caps.let_go("CPUs of serving", fault_id, before=now)
            assert caps.let_go("CPUs of serving", fault_id, before=now) == now
        assert now == min([*active.values(), *([before] if before else [])], default=0.0)
    assert now == before


def test_after_a_crash_the_plan_says_what_was_there_before() -> None:
    assert Caps().let_go("memory of store", "a", before=7e8) == 7e8


@given(steps=STEPS)
def test_a_state_is_held_by_those_that_took_it_and_did_not_let_it_go(steps: list[tuple[str, float]]) -> None:
    holds = Holds()
    for fault_id, _, active in in_turn(steps):
        if fault_id in active:
            holds.take(DOWN, "serving", fault_id)
        else:
            assert set(holds.let_go(DOWN, "serving", fault_id)) == set(active)
        assert list(holds.held(DOWN, "serving")) == list(active)
        assert not holds.held(DOWN, "store")
