"""A conductor on a stage made of nothing: timelines, stops, interrupts, and what is always reverted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.undo import pending
from harness.runner import Conductor
from harness.sim import World
from harness.targets.base import Arm, Interrupt

from .stages import EmptyStage, Reading, Records, treatment

HOUR = 3600.0
TWO = """\
  - {id: a, fault: process.kill, point: "service:serving", at: 10m, for: 20m}
  - {id: b, fault: process.pause, point: "service:features", at: 20m, for: 30m}
"""


def conduct(
    arm: Arm,
    *,
    interrupt_at: float | None = None,
    signals: Mapping[str, Reading] | None = None,
    **stage_options: object,
) -> tuple[str, Records, EmptyStage]:
    world = World(epoch=0.0, seed=1)
    records = Records(world.loop.time)
    stage = EmptyStage(world.loop.time, **stage_options)  # type: ignore[arg-type]
    stage.signals.update(signals or {})
    interrupt = Interrupt()
    if interrupt_at is not None:
        world.loop.call_later(interrupt_at, interrupt.request)
    reason = world.run(Conductor(arm, stage, records, interrupt).run())
    assert records.lines[0]["kind"] == "arm.start"
    assert records.lines[-1] == {"kind": "arm.end", "t": world.loop.time()} | {
        key: value for key, value in records.lines[-1].items() if key in ("reason", "error")
    }
    return reason, records, stage


def test_faults_begin_and_end_when_the_scenario_says() -> None:
    reason, records, stage = conduct(treatment(TWO))
    assert reason == "horizon"
    assert stage.done == [
        (HOUR + 600, "kill", "a"),
        (HOUR + 1200, "pause", "b"),
        (HOUR + 1800, "start", "a"),
        (HOUR + 3000, "resume", "b"),
    ]
    assert [line["t"] for line in records.of("fault.evidence")] == [HOUR + 600, HOUR + 1200]
    assert records.lines[-1]["t"] == 3 * HOUR


def test_a_fault_that_begins_as_another_ends_needs_no_room_beside_it() -> None:
    arm = treatment(
        '  - {id: a, fault: process.kill, point: "service:serving", at: 300ms, for: 10m300ms}\n'
        '  - {id: b, fault: process.kill, point: "service:features", at: 10m600ms, for: 10m}\n'
        '  - {id: c, fault: process.kill, point: "service:training", at: 20m600ms, for: 10m}\n',
        extra="blast_radius: {max_faults: 1}\n",
    )
    reason, records, stage = conduct(arm, takes_s=0.2)
    assert reason == "horizon"
    assert [(verb, fault_id) for _, verb, fault_id in stage.done] == [
        (verb, fault_id) for fault_id in "abc" for verb in ("kill", "start")
    ]
    assert [line["fault_id"] for line in records.of("fault.reverted")] == ["a", "b", "c"]


def test_a_fault_that_waits_begins_after_the_other_one_acted() -> None:
    arm = treatment(
        '  - {id: a, fault: process.kill, point: "service:serving", at: 10m, for: 1h}\n'
        '  - {id: b, fault: process.kill, point: "service:features", after: {fault: a, effect: touched, delay: 5m}}\n'
        '  - {id: c, fault: process.kill, point: "service:training", after: {fault: a, effect: reverted}}\n'
    )
    _, _, stage = conduct(arm, acts_after_s=30)
    assert stage.done[:2] == [(HOUR + 600, "kill", "a"), (HOUR + 930, "kill", "b")]
    assert (HOUR + 600 + HOUR, "kill", "c") in stage.done


def test_a_fault_whose_trigger_comes_late_is_still_injected_and_the_horizon_is_reached() -> None:
    arm = treatment(
        '  - {id: a, fault: process.kill, point: "service:serving", at: 10m, for: 20m}\n'
        '  - {id: b, fault: process.kill, point: "service:features", after: {fault: a, effect: touched}}\n'
    )
    reason, records, stage = conduct(arm, acts_after_s=3000)
    assert reason == "horizon"
    assert (HOUR + 3600, "kill", "b") in stage.done
    assert records.lines[-1]["t"] == 3 * HOUR


def test_an_unsteady_pipeline_gets_no_fault() -> None:
    reason, records, stage = conduct(treatment(TWO), signals={"availability": 0.5})
    assert reason == "unsteady"
    assert stage.done == []
    assert records.of("steady_state")[0]["reasons"] == ["availability: 0.5, expected at least 0.99"]


def test_no_data_is_not_steady() -> None:
    reason, records, _ = conduct(treatment(TWO), signals={"availability": None})
    assert reason == "unsteady"
    assert records.of("steady_state")[0]["reasons"] == ["availability: no data, expected at least 0.99"]


@pytest.mark.parametrize(("asked_s", "reason"), [(4 * HOUR, "horizon"), (9 * HOUR, "unsteady")])
def test_a_warm_up_that_ends_at_night_is_steady_if_the_evening_was(asked_s: float, reason: str) -> None:
    """What was before the warm-up says nothing."""
    looked: list[float] = []

    def availability(window_s: float) -> float | None:
        looked.append(window_s)
        return 1.0 if window_s > asked_s else None

    found, _, _ = conduct(treatment(TWO, warmup="8h"), signals={"availability": availability})
    assert found == reason
    assert looked[:2] == [3 * HOUR, 6 * HOUR]
    assert max(looked) <= 8 * HOUR


def test_a_stop_condition_ends_the_run_and_reverts() -> None:
    arm = treatment(TWO, extra="stop: [{probe: quality, below: 0.5, for: 5m}]\n")
    reason, records, stage = conduct(arm, signals={"quality": 0.2})
    assert reason == "stopped"
    assert records.lines[-1]["t"] == HOUR + 360  # a minute to the first check, five more of breach
    assert stage.done == []


def test_what_cannot_be_undone_leaves_the_target_dirty() -> None:
    reason, records, stage = conduct(treatment(TWO), stuck="start")
    assert reason == "dirty"
    assert "start is stuck" in records.lines[-1]["error"]
    assert "resume" in [verb for _, verb, _ in stage.done] or "pause" not in [verb for _, verb, _ in stage.done]


def test_a_fault_that_cannot_be_applied_ends_the_arm_and_the_others_are_reverted() -> None:
    reason, records, stage = conduct(treatment(TWO), stuck="pause")
    assert reason == "error"
    assert "fault 'b' (process.pause at service:features): pause is stuck" in records.lines[-1]["error"]
    assert [verb for _, verb, _ in stage.done] == ["kill", "resume", "start"]
    assert pending(records.lines) == []


def test_what_lasts_until_the_horizon_is_reverted_last_in_first_out() -> None:
    arm = treatment(
        '  - {id: a, fault: process.kill, point: "service:serving", at: 10m}\n'
        '  - {id: b, fault: process.pause, point: "service:features", at: 20m}\n'
        '  - {id: c, fault: process.kill, point: "service:training", at: 90m, for: 30m}\n'
    )
    reason, _, stage = conduct(arm)
    assert reason == "horizon"
    assert stage.done[3:] == [(3 * HOUR, "start", "c"), (3 * HOUR, "resume", "b"), (3 * HOUR, "start", "a")]


def test_the_steady_state_is_verified_after_the_last_revert() -> None:
    _, records, _ = conduct(treatment(TWO), signals={"availability": iter([1.0, 0.4])})
    after = records.of("steady_state.after")
    assert [(line["ok"], line["t"]) for line in after] == [(False, 3 * HOUR)]
    assert "availability: 0.4" in after[0]["reasons"][0]


@pytest.mark.parametrize(("asked_s", "ok"), [(5 * HOUR, True), (9 * HOUR, False)])
def test_the_steady_state_is_verified_where_users_were_last(asked_s: float, ok: bool) -> None:
    """The last revert is 8 h 10 min before the horizon: what was seen before it says nothing."""
    looked: list[float] = []

    def availability(window_s: float) -> float | None:
        looked.append(window_s)
        return 1.0 if len(looked) == 1 or window_s > asked_s else None

    _, records, _ = conduct(treatment(TWO, horizon="9h"), signals={"availability": availability})
    assert [line["ok"] for line in records.of("steady_state.after")] == [ok]
    assert looked == [HOUR, 3 * HOUR, 6 * HOUR, *([] if ok else [8 * HOUR + 600])]


def test_what_was_never_reverted_is_not_verified() -> None:
    _, records, _ = conduct(treatment('  - {fault: process.kill, point: "service:serving", at: 10m}\n'))
    assert records.of("steady_state.after") == []


def test_a_breach_that_passes_before_its_time_stops_nothing() -> None:
    arm = treatment(TWO, extra="stop: [{probe: quality, below: 0.5, for: 10m}]\n")
    for bad, expected in ((9, "horizon"), (11, "stopped")):
        readings = iter([*[0.2] * bad, 0.9, *[0.2] * 5, None, *[0.2] * 5, *[0.9] * 500])
        reason, _, _ = conduct(arm, signals={"quality": readings})
        assert reason == expected


@settings(deadline=None, max_examples=80)
@given(at=st.floats(0.5, 3 * HOUR - 1) | st.floats(HOUR + 590, HOUR + 620), takes_s=st.sampled_from([0.0, 7.0]))
def test_whenever_it_is_interrupted_everything_applied_is_reverted(at: float, takes_s: float) -> None:
    reason, records, stage = conduct(treatment(TWO), interrupt_at=at, takes_s=takes_s)
    assert reason == "interrupted"
    assert records.lines[-1]["t"] <= at + 1.0 + 3 * takes_s  # one that is being applied, and two to revert
    assert pending(records.lines) == []
    undone = {"kill": "start", "pause": "resume"}
    for verb, undo in undone.items():
        verbs = [done for _, done, _ in stage.done if done in (verb, undo)]
        assert verbs in ([], [verb, undo])


def test_an_interrupt_ends_a_deployment_that_takes_its_time() -> None:
    """Outside of the simulator: containers on a busy machine need minutes to start."""
    world = World(epoch=0.0, seed=1)
    records, interrupt = Records(world.loop.time), Interrupt()
    given_up = []

    class Slow(EmptyStage):
        async def deploy(self) -> None:
            try:
                await asyncio.sleep(HOUR)
            except asyncio.CancelledError:
                given_up.append(world.loop.time())
                raise

    arm = replace(treatment(TWO), backend="local")
    world.loop.call_later(60, interrupt.request)
    assert world.run(Conductor(arm, Slow(world.loop.time), records, interrupt).run()) == "interrupted"
    assert given_up == [60]
    assert [line["kind"] for line in records.lines] == ["arm.start", "arm.end"]
