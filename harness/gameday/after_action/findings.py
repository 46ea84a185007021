"""Who noticed what, and when: people's marks beside the judge's findings, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.gameday.entries import Entry
from harness.gameday.event_log import Event
from harness.gameday.game import Game, Mark, RoundState
from harness.gameday.plan import Question
from harness.scoring import Scorecard
from harness.scoring.findings import ExperimentFinding, Grade
from harness.scoring.localisation import expected_components, grade

__all__ = ["AfterAction", "Answered", "Moment", "RoundFinding", "find"]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that somebody saw or did. ``after_s`` counts from the first effect of the fault, in the pipeline's
    time; ``real_s`` is the same in time at the console, None where it isn't known."""

    t: float
    after_s: float
    real_s: float | None
    by: str
    text: str
    component: str
    right: bool | None
    """Whether the component named is where the fault acted; None if none was named."""


@dataclass(frozen=True, slots=True)
class RoundFinding:
    """One round that was played. Without an ``experiment`` (it was cut short too early) nothing was judged."""

    number: int
    title: str
    scenario: str
    reason: str
    took_s: float | None
    """How long an abort or an early end took to revert everything, in real seconds."""
    experiment: ExperimentFinding | None
    acted_t: float | None
    live_t: float | None
    alerts: tuple[Moment, ...]
    noticed: Moment | None
    diagnosed: Moment | None
    mitigated: Moment | None
    premature: int
    """Marks of something noticed before the fault had any effect."""
    timeline: tuple[Entry, ...]

    @property
    def first(self) -> str:
        """Who was first."""
        alert, human = (self.alerts[0] if self.alerts else None), self.noticed
        if self.acted_t is None:
            return "not known, for no effect of the fault was judged"
        if alert is None and human is None:
            return "nobody"
        if alert is None or (human is not None and human.t < alert.t):
            return "people"
        return "monitors"

    @property
    def missed(self) -> list[str]:
        """What neither side, or only one of them, saw."""
        if self.acted_t is None:
            return []
        found = []
        if self.noticed is None:
            found.append("Nobody marked that something was wrong.")
        if not self.alerts:
            found.append("No monitor raised an alert for the fault.")
        if self.diagnosed is None:
            found.append("Nobody marked a diagnosis.")
        elif self.diagnosed.right is False:
            found.append(f"The diagnosis named {self.diagnosed.component}, where the fault did not act.")
        if self.mitigated is None:
            found.append("Nobody marked a mitigation.")
        return found


@dataclass(frozen=True, slots=True)
class Answered:
    """A question with what was answered."""

    round: int | None
    ask: str
    expected: str
    answers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AfterAction:
    """Everything that the report says."""

    title: str
    began: str
    people: tuple[tuple[str, str, str], ...]
    rounds: tuple[RoundFinding, ...]
    questions: tuple[Answered, ...]
    actions: tuple[tuple[str, str, str], ...]


def find(
    game: Game, events: Sequence[Event], entries: Sequence[Entry], scenarios: Sequence[str], card: Scorecard
) -> AfterAction:
    """What a gameday that has ended shows."""
    experiments = {experiment.arm: experiment for experiment in card.experiments}
    last = {round_.number: round_ for round_ in game.rounds}
    rounds = [
        _round(round_, game, events, entries, scenarios[number], experiments.get(round_.arm_id))
        for number, round_ in sorted(last.items())
    ]
    return AfterAction(
        title=game.plan.title,
        began=events[0]["at"],
        people=tuple((p.name, p.role, p.seat.value) for p in game.people.values()),
        rounds=tuple(rounds),
        questions=tuple(_questions(game)),
        actions=tuple((e["text"], e["owner"], _name(game, e["by"])) for e in game.actions),
    )


def _round(
    round_: RoundState,
    game: Game,
    events: Sequence[Event],
    entries: Sequence[Entry],
    scenario: str,
    experiment: ExperimentFinding | None,
) -> RoundFinding:
    mine = [e for e in events if e.get("round") == round_.number and e["at"] >= round_.began_at]
    acted = [fault.t_act for fault in experiment.faults if fault.t_act is not None] if experiment else []
    acted_t = min(acted) if acted else None
    expected = (
        frozenset(c for fault in experiment.faults for c in expected_components(fault.point))
        if experiment
        else frozenset()
    )
    applied = next((e for e in mine if e["kind"] == "fault.applied"), None)
    marks = [e for e in mine if e["kind"] == "mark"]

    def first(*kinds: Mark) -> Moment | None:
        if acted_t is None:
            return None
        found = [e for e in marks if e["mark"] in kinds and e["t"] >= acted_t]
        return _moment(found[0], acted_t, applied, expected, game) if found else None

    alerts: list[Moment] = []
    for alert in {
        a.t_fired: a
        for fault in (experiment.faults if experiment else ())
        for a in (fault.detection.alerts if fault.detection else ())
    }.values():
        if acted_t is not None:
            right = grade(alert.component, expected) is Grade.LOCALISED
            alerts.append(
                Moment(alert.t_fired, alert.t_fired - acted_t, None, alert.name, alert.summary, alert.component, right)
            )
    end = next((e for e in reversed(mine) if e["kind"] == "round.end"), {})
    return RoundFinding(
        number=round_.number,
        title=game.plan.round_title(round_.number),
        scenario=scenario,
        reason=round_.reason,
        took_s=end.get("took_s"),
        experiment=experiment,
        acted_t=acted_t,
        live_t=round_.live_t,
        alerts=tuple(sorted(alerts, key=lambda moment: moment.t)),
        noticed=first(Mark.NOTICED, Mark.DIAGNOSED),
        diagnosed=first(Mark.DIAGNOSED),
        mitigated=first(Mark.MITIGATED),
        premature=sum(e["mark"] == Mark.NOTICED and (acted_t is None or e["t"] < acted_t) for e in marks),
        timeline=tuple(
            e
            for e in entries
            if e.data.get("round") == round_.number and (e.data.get("t") or 0) >= (round_.live_t or 0)
        ),
    )


def _moment(event: Event, acted_t: float, applied: Event | None, expected: frozenset[str], game: Game) -> Moment:
    real_s = None
    if applied is not None and applied["at"] and event["at"]:
        real_s = (datetime.fromisoformat(event["at"]) - datetime.fromisoformat(applied["at"])).total_seconds()
    component = event["component"]
    right = None if not component else grade(component, expected) is Grade.LOCALISED
    return Moment(event["t"], event["t"] - acted_t, real_s, _name(game, event["by"]), event["text"], component, right)


def _questions(game: Game) -> Iterable[Answered]:
    for cue in game.asked():
        assert isinstance(cue.item, Question)
        answers = tuple(
            (_name(game, by), event["text"]) for (question, by), event in game.answers.items() if question == cue.id
        )
        yield Answered(cue.round, cue.item.ask, cue.item.expected or "", answers)


def _name(game: Game, person_id: str | None) -> str:
    person = game.people.get(person_id or "")
    return "" if person is None else person.name
