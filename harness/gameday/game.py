"""The state of a gameday, as a function of its events: applied one after another, live and when it is resumed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from harness.gameday.event_log import Event
from harness.gameday.plan import Cue, Inject, Pause, Plan, Question

__all__ = ["CueItem", "Game", "Mark", "Person", "Phase", "RoundState", "Seat", "cues_of", "kind_of"]


class Seat(StrEnum):
    """Who somebody is to the console: what they see and may do."""

    FACILITATOR = "facilitator"
    PARTICIPANT = "participant"


class Mark(StrEnum):
    """What people say about the pipeline while they watch it."""

    NOTICED = "noticed"  #: something is wrong
    HYPOTHESIS = "hypothesis"  #: it may be this
    DIAGNOSED = "diagnosed"  #: it is this
    MITIGATED = "mitigated"  #: this was done against it
    NOTE = "note"


class Phase(StrEnum):
    """Where a gameday is; ``preparing`` and ``live`` are phases of a round."""

    LOBBY = "lobby"
    PREPARING = "preparing"
    LIVE = "live"
    BETWEEN = "between"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who joined."""

    id: str
    name: str
    role: str
    seat: Seat


@dataclass(frozen=True, slots=True)
class CueItem:
    """Something of the plan that is due in the course of a round, or at the end of the gameday (``round`` None)."""

    id: str
    round: int | None
    item: Cue


@dataclass(slots=True)
class RoundState:
    """One time that a scenario is played. Times ``t`` are seconds of the pipeline's time since the round's start."""

    number: int
    attempt: int
    arm_id: str
    journal: str
    began_at: str
    phase: Phase = Phase.PREPARING
    live_t: float | None = None
    live_at: str | None = None
    injected: bool = False
    first_fault_t: float | None = None
    called_off: bool = False
    end_t: float | None = None
    ended_at: str | None = None
    reason: str = ""
    error: str = ""


def cues_of(plan: Plan) -> Iterator[CueItem]:
    """Every inject, pause and question of a plan, with the id that events use."""
    for number, entry in enumerate(plan.scenarios):
        for kind, items in (("inject", entry.injects), ("pause", entry.pauses), ("question", entry.questions)):
            for index, item in enumerate(items):
                yield CueItem(f"{number + 1}-{kind}-{index + 1}", number, item)
    for index, question in enumerate(plan.questions):
        yield CueItem(f"end-question-{index + 1}", None, question)


@dataclass(slots=True)
class Game:
    """What has happened so far; `apply` takes each event of the log in turn."""

    plan: Plan
    cues: dict[str, CueItem] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    rounds: list[RoundState] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    marks: list[Event] = field(default_factory=list)
    answers: dict[tuple[str, str], Event] = field(default_factory=dict)
    actions: list[Event] = field(default_factory=list)
    paused: bool = False
    pause_text: str = ""
    speed: float = 1.0
    ended: bool = False

    def __post_init__(self) -> None:
        self.cues = {cue.id: cue for cue in cues_of(self.plan)}
        self.speed = self.plan.speed

    @property
    def round(self) -> RoundState | None:
        """The round that is played, or was played last."""
        return self.rounds[-1] if self.rounds else None

    @property
    def phase(self) -> Phase:
        """Where the gameday is."""
        if self.ended:
            return Phase.ENDED
        if self.round is None:
            return Phase.LOBBY
        return self.round.phase

    @property
    def active(self) -> bool:
        """Whether a round is played."""
        return self.phase in (Phase.PREPARING, Phase.LIVE)

    def asked(self) -> list[CueItem]:
        """The questions that have been asked."""
        return [self.cues[cue_id] for cue_id in self.cues if cue_id in self.done and self._is_question(cue_id)]

    def apply(self, event: Event) -> None:
        """Takes an event. Kinds that this version doesn't know change nothing."""
        handler = getattr(self, "_on_" + event["kind"].replace(".", "_"), None)
        if handler is not None:
            handler(event)

    def _is_question(self, cue_id: str) -> bool:
        return cue_id in self.cues and isinstance(self.cues[cue_id].item, Question)

    def _on_person_joined(self, event: Event) -> None:
        self.people[event["id"]] = Person(event["id"], event["name"], event["role"], Seat(event["seat"]))

    def _on_round_begin(self, event: Event) -> None:
        attempt = 1 + sum(round_.number == event["round"] for round_ in self.rounds)
        self.rounds.append(RoundState(event["round"], attempt, event["arm"], event["journal"], event["at"]))
        self.paused, self.pause_text = False, ""
        # What belongs to the round is due again.
        self.done = {cue_id for cue_id in self.done if self.cues[cue_id].round != event["round"]}

    def _on_round_live(self, event: Event) -> None:
        assert self.round is not None
        self.round.phase, self.round.live_t, self.round.live_at = Phase.LIVE, event["t"], event["at"]

    def _on_round_end(self, event: Event) -> None:
        assert self.round is not None
        self.round.phase, self.round.end_t, self.round.ended_at = Phase.BETWEEN, event["t"], event["at"]
        self.round.reason, self.round.error = event["reason"], event.get("error", "")
        self.paused, self.pause_text = False, ""

    def _on_fault_injected(self, event: Event) -> None:
        if self.round is not None:
            self.round.injected = True

    def _on_fault_applied(self, event: Event) -> None:
        if self.round is not None:
            self.round.injected = True
            if self.round.first_fault_t is None:
                self.round.first_fault_t = event["t"]

    def _on_fault_called_off(self, event: Event) -> None:
        if self.round is not None:
            self.round.called_off = True

    def _on_clock(self, event: Event) -> None:
        self.paused, self.speed = event["paused"], event["speed"]
        self.pause_text = event.get("text", "") if event["paused"] else ""

    def _on_inject(self, event: Event) -> None:
        self.done.add(event["id"])

    def _on_pause(self, event: Event) -> None:
        self.done.add(event["id"])

    def _on_question(self, event: Event) -> None:
        self.done.add(event["id"])

    def _on_answer(self, event: Event) -> None:
        self.answers[event["id"], event["by"]] = event

    def _on_mark(self, event: Event) -> None:
        self.marks.append(event)

    def _on_action(self, event: Event) -> None:
        self.actions.append(event)

    def _on_gameday_end(self, event: Event) -> None:
        self.ended = True


def kind_of(item: Cue) -> str:
    """The kind of the event that tells of an item of the plan."""
    if isinstance(item, Inject):
        return "inject"
    return "pause" if isinstance(item, Pause) else "question"
