"""How things stand right now, and what each seat is shown of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from harness.gameday.entries import Entry
from harness.gameday.floor_plan import FloorPlan
from harness.gameday.game import CueItem, Game, Phase, Seat, kind_of
from harness.gameday.plan import Inject, Pause, Plan, Question
from harness.gameday.signals import Signals
from harness.scenario import Scenario
from harness.scenario.durations import format_duration
from harness.targets.base import Arm

__all__ = ["Board"]


@dataclass(slots=True)
class Board:
    """The live state: the game, and what its log does not hold. ``t`` is the pipeline's time in the round."""

    plan: Plan
    scenarios: Sequence[Scenario]
    floor: FloorPlan
    game: Game
    signals: Signals = field(default_factory=Signals)
    entries: list[Entry] = field(default_factory=list)
    arm: Arm | None = None
    t: float = 0.0
    faults: dict[str, str] = field(default_factory=dict)
    note: str = ""
    """What is being prepared."""
    trouble: str = ""
    """What is wrong with the console itself, such as a full disk."""
    reported: bool = False
    """Whether the reports have been written."""
    online: Mapping[Seat, int] = field(default_factory=dict)

    def sees_all(self, seat: Seat) -> bool:
        """Whether nothing is hidden from a seat any more."""
        return seat is Seat.FACILITATOR or self.game.ended

    def status(self, seat: Seat) -> dict[str, Any]:
        """How things stand, for a seat. Sent again and again; holds nothing that grows."""
        game, round_ = self.game, self.game.round
        live_t = round_.live_t if round_ is not None else None
        shown = {
            "phase": game.phase.value,
            "round": None if round_ is None else round_.number,
            "title": "" if round_ is None else self.plan.round_title(round_.number),
            "t": self.t,
            "elapsed_s": None if live_t is None else max(0.0, self.t - live_t),
            "clock": None if self.arm is None else f"{self.arm.start + timedelta(seconds=self.t):%Y-%m-%dT%H:%M:%SZ}",
            "speed": game.speed,
            "paused": game.paused,
            "pause_text": game.pause_text,
            "signals": self.signals.now() if live_t is not None else {},
            "firing": self.signals.alerts() if live_t is not None else [],
            "note": self.note if game.phase is Phase.PREPARING else "",
            "trouble": self.trouble,
            "people": len(game.people),
            "reported": self.reported,
            "may_abort": seat is Seat.FACILITATOR or self.plan.abort == "anyone",
        }
        if seat is not Seat.FACILITATOR:
            return shown
        ways = {"by_hand": self.plan.order == "by_hand", "own_time": self.plan.backend == "sim"}
        return {**shown, **ways, "secret": self._secret()}

    def _secret(self) -> dict[str, Any]:
        round_ = self.game.round
        return {
            "faults": [{"id": fault_id, "state": state} for fault_id, state in self.faults.items()],
            "injected": round_ is not None and round_.injected,
            "called_off": round_ is not None and round_.called_off,
            "done": sorted(self.game.done),
            "played": [r.number for r in self.game.rounds],
            "reason": "" if round_ is None else round_.reason,
            "error": "" if round_ is None else round_.error,
            "people": [{"name": p.name, "role": p.role, "seat": p.seat.value} for p in self.game.people.values()],
        }

    def snapshot(self, seat: Seat) -> dict[str, Any]:
        """Everything that a browser needs to begin with."""
        plan, game = self.plan, self.game
        round_ = game.round
        shown = {
            "plan": {
                "title": plan.title,
                "briefing": plan.briefing or "",
                "rounds": [plan.round_title(number) for number in range(len(plan.scenarios))],
            },
            "floor": {"columns": self.floor.columns, "aside": self.floor.aside, "links": self.floor.links},
            "entries": [entry.data for entry in self.entries if not entry.secret or self.sees_all(seat)],
            "questions": [question_json(cue) for cue in game.asked()],
            "samples": self.signals.samples if round_ is not None and round_.live_t is not None else [],
            "status": self.status(seat),
        }
        return shown if seat is not Seat.FACILITATOR else {**shown, "script": self._script()}

    def _script(self) -> list[dict[str, Any]]:
        """The rounds as the facilitator needs them: what will happen, and what can be done by hand."""
        cues: dict[int | None, list[CueItem]] = {}
        for cue in self.game.cues.values():
            cues.setdefault(cue.round, []).append(cue)
        rounds = [
            {
                "title": self.plan.round_title(number),
                "scenario": scenario.name,
                "description": " ".join(scenario.description.split()),
                "faults": [f"{fault.fault} at {fault.point}" for fault in scenario.faults],
                "cues": [_cue_json(cue) for cue in cues.get(number, [])],
            }
            for number, scenario in enumerate(self.scenarios)
        ]
        end = {"title": "At the end", "scenario": None, "cues": [_cue_json(cue) for cue in cues.get(None, [])]}
        return [*rounds, end] if end["cues"] else rounds


def question_json(cue: CueItem) -> dict[str, Any]:
    """A question as participants see it: without the answer that is expected."""
    assert isinstance(cue.item, Question)
    return {"id": cue.id, "round": cue.round, "ask": cue.item.ask, "choices": cue.item.choices}


def _cue_json(cue: CueItem) -> dict[str, Any]:
    item = cue.item
    text = item.ask if isinstance(item, Question) else item.text if isinstance(item, Inject | Pause) else ""
    when = "by hand"
    if item.at_s is not None:
        when = f"at {format_duration(item.at_s)}"
    elif item.after_fault_s is not None:
        when = f"{format_duration(item.after_fault_s)} after the fault"
    elif isinstance(item, Question):
        when = "at the end"
    expected = item.expected or "" if isinstance(item, Question) else ""
    to = item.to if isinstance(item, Inject) else "participants"
    return {"id": cue.id, "kind": kind_of(item), "text": text, "when": when, "expected": expected, "to": to}
