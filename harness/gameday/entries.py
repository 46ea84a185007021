"""What the console's timeline shows: an entry for each event of people and of the pipeline, and who may see it.

This is the one place where it is decided what participants don't see: whatever tells of a fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.gameday.event_log import Event
from harness.gameday.game import Game
from harness.gameday.plan import Inject, Question

__all__ = ["Entry", "entry_of_event", "entry_of_record"]

_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline. ``secret``: for the facilitator alone until the gameday has ended."""

    data: Mapping[str, Any]
    secret: bool


def entry_of_record(record: Mapping[str, Any], number: int) -> Entry | None:
    """The entry of a line of a round's journal; None for one that nobody wants to read."""
    kind, t = record["kind"], record["t"]
    if kind == "alert":
        fields = {key: str(record[key])[:_LONGEST] for key in ("name", "component", "severity", "state", "summary")}
        return Entry({"what": "alert", "round": number, "t": t, **fields}, secret=False)
    if kind == "fault.evidence":
        return None
    if kind.startswith("fault."):
        state = kind.removeprefix("fault.")
        if state in ("intent", "reverting"):
            return None
        text = str(record.get("error", ""))[:_LONGEST]
        fault_id = str(record["fault_id"])[:_LONGEST]
        return Entry(
            {"what": "fault", "round": number, "t": t, "state": state, "id": fault_id, "text": text}, secret=True
        )
    return None


def entry_of_event(event: Event, game: Game, scenarios: Sequence[str]) -> Entry | None:
    """The entry of an event of people's; ``scenarios`` are the names of the rounds' scenarios. The game knows it."""
    kind = event["kind"]
    at = {"at": event["at"], "t": event.get("t"), "round": event.get("round"), "by": _name(game, event.get("by"))}
    match kind:
        case "mark":
            fields = {key: event[key] for key in ("mark", "text", "component")}
            return Entry({"what": "mark", **at, **fields, "role": _role(game, event["by"])}, secret=False)
        case "inject":
            item = game.cues[event["id"]].item
            assert isinstance(item, Inject)
            fields = {"text": item.text, "sender": item.sender or "", "to": item.to}
            return Entry({"what": "inject", **at, **fields}, secret=item.to == "facilitator")
        case "question":
            item = game.cues[event["id"]].item
            assert isinstance(item, Question)
            return Entry(
                {"what": "question", **at, "id": event["id"], "text": item.ask, "choices": item.choices}, secret=False
            )
        case "answer":
            return Entry({"what": "answer", **at, "id": event["id"], "text": event["text"]}, secret=True)
        case "action":
            return Entry({"what": "action", **at, "text": event["text"], "owner": event["owner"]}, secret=False)
        case "clock" if event.get("told", True):
            fields = {key: event.get(key) for key in ("paused", "speed", "text")}
            return Entry({"what": "clock", **at, **fields}, secret=False)
        case "abort":
            return Entry({"what": "abort", **at, "text": event.get("text", "")}, secret=False)
        case "round.live":
            return Entry(
                {"what": "round", **at, "state": "live", "title": game.plan.round_title(event["round"])}, False
            )
        case "round.end":
            title = game.plan.round_title(event["round"])
            return Entry({"what": "round", **at, "state": "ended", "title": title, "reason": event["reason"]}, False)
        case "fault.injected":
            return Entry(
                {"what": "fault", **at, "state": "asked for", "id": scenarios[event["round"]], "text": ""}, True
            )
        case "fault.called_off":
            return Entry(
                {"what": "fault", **at, "state": "called off", "id": scenarios[event["round"]], "text": ""}, True
            )
    return None


def _name(game: Game, person_id: str | None) -> str:
    person = game.people.get(person_id or "")
    return "" if person is None else person.name


def _role(game: Game, person_id: str) -> str:
    person = game.people.get(person_id)
    return "" if person is None else person.role
