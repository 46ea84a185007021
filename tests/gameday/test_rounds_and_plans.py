"""Plans with mistakes in them, and rounds whose time is somebody's to decide."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.undo import pending
from harness.arms import run_arm
from harness.errors import ScenarioError
from harness.gameday.load import load_plan
from harness.gameday.pacing import Pacer
from harness.gameday.player import Player, arm_from_json, arm_to_json
from harness.gameday.round import postponed
from harness.gameday.rounds import RoundArms
from harness.journal import read_journal
from harness.scenario import Scenario
from harness.targets import load_target
from harness.targets.base import Arm, Interrupt

from .consoles import PLAN, write_plan

BROKEN = """\
title: ""
profile: matur
speed: 5000
surprise: yes
scenarios:
  - scenario: weather-frozn
    injects: [{at: 1h, after_fault: 1h, text: x}]
  - scenario: serving-killed
    injects: [{after_fault: 30h, text: hi}, {txt: hi}]
    pauses: [{text: hi}]
questions: [{ask: "Why?", at: 1h}]
"""


def test_every_mistake_of_a_plan_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(BROKEN)
    with pytest.raises(ScenarioError) as caught:
        load_plan(path, load_target())
    told = [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]
    assert told == [
        "1:8: title: String should have at least 1 character, got ''.",
        "2:10: profile: unknown profile 'matur'. Did you mean 'mature'?",
        "3:8: speed: expected a number of at most 1000.0, got 5000.",
        "4:1: surprise: unknown key. Write one of: abort, backend, briefing, longest_wait, order, profile, questions, "
        "roles, scenarios, seed, speed, start, title.",
        "6:15: scenarios[0].scenario: the library has no scenario 'weather-frozn'. Did you mean 'weather-frozen'?",
        "7:15: scenarios[0].injects[0]: `at` and `after_fault` both say when. Keep one of them.",
        "9:46: scenarios[1].injects[1].txt: unknown key. Did you mean 'text'?",
        "10:14: scenarios[1].pauses[0]: a pause needs a moment. Write for example `at: 2h`.",
    ]


def test_a_time_after_the_end_of_the_round_is_a_mistake(tmp_path: Path) -> None:
    path = write_plan(tmp_path, PLAN.replace("{text: A hint.}", "{text: A hint., after_fault: 10h}"))
    with pytest.raises(ScenarioError, match="the round is over after 10 h"):
        load_plan(path, load_target())


@pytest.mark.parametrize(
    ("name", "said"),
    [("none.yaml", "no such file"), (".", "not a gameday plan"), ("empty.yaml", "pipequake gameday --example")],
)
def test_a_plan_that_is_none(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "empty.yaml").write_text("")
    with pytest.raises(ScenarioError, match=said):
        load_plan(tmp_path / name, load_target())


class RealTime:
    """A clock that passes only while somebody waits; commands are carried out when their time has come."""

    def __init__(self) -> None:
        self.now = 0.0
        self.commands: list[tuple[float, Callable[[], None]]] = []

    def listen(self, seconds: float) -> bool:
        due = [command for command in self.commands if command[0] <= self.now + seconds]
        if not due:
            self.now += seconds
            return False
        self.now = max(self.now, due[0][0])
        self.commands.remove(due[0])
        due[0][1]()
        return True


def walk(pacer: Pacer, real: RealTime, timers: list[float]) -> list[tuple[float, float]]:
    """(target time, real time) at which each timer fires."""
    now, fired = 0.0, []
    for timer in timers:
        while now < timer:
            following = pacer(now, timer)
            assert now <= following <= timer
            now = following
        fired.append((timer, real.now))
    return fired


@given(st.lists(st.floats(0.001, 500), min_size=1, max_size=30), st.sampled_from([1.0, 60.0, 1000.0]))
def test_time_keeps_step_at_any_speed(gaps: list[float], speed: float) -> None:
    real = RealTime()
    pacer = Pacer(clock=lambda: real.now, listen=real.listen, beat=lambda t: None)
    pacer.keep(0.0, speed=speed)
    timers = [sum(gaps[: n + 1]) for n in range(len(gaps))]
    assert all(at == pytest.approx(timer / speed, abs=1e-3) for timer, at in walk(pacer, real, timers))


def test_a_pause_stops_time_and_a_command_is_heard_in_it() -> None:
    real = RealTime()
    pacer = Pacer(clock=lambda: real.now, listen=real.listen, beat=lambda t: None)
    pacer.keep(0.0, speed=60.0)
    real.commands = [(1.0, pacer.pause), (5.0, pacer.resume), (6.0, lambda: pacer.set_speed(600.0))]
    fired = walk(pacer, real, [30.0, 90.0, 720.0])
    assert [round(at, 3) for _, at in fired] == [0.5, 5.5, 7.0]


#: A speed at which nothing waits.
FREE = {"do": "speed", "speed": 1e9}


class Silent:
    """A wire to nobody that remembers; commands come at set moments of the round's time."""

    closed = False

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.seen: set[str] = set()
        self.commands: list[tuple[str, dict[str, Any]]] = []

    def send(self, message: Mapping[str, Any]) -> None:
        self.sent.append(dict(message))
        self.seen |= {message["kind"], message.get("record", {}).get("kind", "")}

    def receive(self, wait_s: float | None) -> list[dict[str, Any]]:
        if self.commands and self.commands[0][0] in self.seen:
            return [self.commands.pop(0)[1]]
        return []


def play(tmp_path: Path, arm: Arm, *, by_hand: bool, commands: list[tuple[str, dict[str, Any]]]) -> tuple[Path, Silent]:
    wire = Silent()
    wire.commands = commands
    journal = tmp_path / "arm.jsonl"
    player = Player(load_target(), wire)  # type: ignore[arg-type]
    message = {"do": "play", "arm": arm_to_json(arm), "journal": str(journal), "by_hand": by_hand, "cues": []}
    player._guarded({**message, "speed": 1000.0}, player._play)
    return journal, wire


@pytest.fixture
def arm(tmp_path: Path) -> Arm:
    return RoundArms(load_plan(write_plan(tmp_path), load_target()), load_target()).treatment(0, 1)


def test_an_arm_survives_the_wire(arm: Arm) -> None:
    assert arm_from_json(json.loads(json.dumps(arm_to_json(arm)))) == arm


@pytest.mark.slow
def test_a_round_by_hand_is_the_arm_that_its_journal_describes(tmp_path: Path, arm: Arm) -> None:
    """Whoever runs the journalled scenario again, without people, gets the same bytes."""
    journal, wire = play(tmp_path, arm, by_hand=True, commands=[("live", {"do": "inject"}), ("fault.applied", FREE)])
    assert wire.sent[-1]["reason"] == "horizon"
    lines = list(read_journal(journal))
    assert pending(lines) == []
    again = tmp_path / "again.jsonl"
    scenario = Scenario.from_spec(lines[0]["spec"])
    same = replace(arm, scenario=scenario, end_s=scenario.warmup_s + scenario.horizon_s)
    run_arm(load_target(), same, again, Interrupt())
    assert again.read_bytes() == journal.read_bytes()


def test_a_postponed_scenario_begins_then_and_lasts_as_long(arm: Arm) -> None:
    assert arm.scenario is not None
    for after_s, first_s in ((0.0, 1800.0), (12.3456, 0.0), (20_000.0, 3600.0)):
        fault = arm.scenario.faults[0].model_copy(update={"at_s": first_s})
        moved = postponed(
            replace(arm, scenario=arm.scenario.model_copy(update={"faults": (fault,)})), arm.warmup_s + after_s
        )
        assert moved.scenario is not None
        assert moved.scenario.faults[0].at_s == pytest.approx(after_s, abs=1e-3)
        assert moved.scenario.horizon_s - after_s == pytest.approx(arm.scenario.horizon_s - first_s, abs=1e-3)


def test_an_arm_comes_out_of_a_message_as_it_went_in(tmp_path: Path) -> None:
    write_plan(tmp_path, PLAN.replace("speed: 1000", "speed: 300\nbackend: local"))
    dense = (tmp_path / "quick.yaml").read_text() + "users: 0.5\n"
    (tmp_path / "quick.yaml").write_text(dense)
    arms = RoundArms(load_plan(tmp_path / "plan.yaml", load_target()), load_target())
    for arm in (arms.treatment(0, 1), *arms.controls):
        assert arm.time_scale == 300
        assert arm.density.users == 0.5
        assert arm_from_json(json.loads(json.dumps(arm_to_json(arm)))) == arm


def test_a_library_scenario_that_the_backend_cannot_play_is_refused(tmp_path: Path) -> None:
    path = write_plan(
        tmp_path, PLAN.replace("speed: 1000", "backend: local").replace("quick.yaml", "features-unplugged")
    )
    with pytest.raises(ScenarioError, match=r"features-unplugged: .*backend"):
        load_plan(path, load_target())
