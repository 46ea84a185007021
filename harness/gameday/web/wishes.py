"""What can be done in the console: the name, who may, and what it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.gameday.director import Director
from harness.gameday.game import Mark, Person
from harness.gameday.pacing import MAX_SPEED
from harness.gameday.plan import Plan

__all__ = ["WISHES", "BadWish", "Wish"]

#: The longest text that anybody may send, in characters.
MAX_TEXT = 2000


class BadWish(Exception):
    """The request lacks something or has it wrong; the text says what."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing to do. ``allowed`` says whether participants may."""

    carry_out: Callable[[Director, Person, Any], None]
    allowed: Callable[[Plan], bool] = lambda plan: False


def _anyone(plan: Plan) -> bool:
    return True


def _text(fields: Any, key: str, *, needed: bool = True, longest: int = MAX_TEXT) -> str:
    value = fields.get(key, "") if isinstance(fields, Mapping) else None
    if not isinstance(value, str):
        raise BadWish(f"{key}: expected text.")
    text = "".join(c for c in value if c.isprintable() or c in "\n\t").strip()
    if needed and not text:
        raise BadWish(f"{key}: write something.")
    if len(text) > longest:
        raise BadWish(f"{key}: longer than {longest} characters.")
    return text


def _mark(director: Director, person: Person, fields: Any) -> None:
    kind = _text(fields, "mark")
    if kind not in list(Mark):
        raise BadWish(f"mark: write one of {', '.join(Mark)}.")
    needs_text = kind in (Mark.HYPOTHESIS, Mark.NOTE)
    text = _text(fields, "text", needed=needs_text)
    director.mark(person, Mark(kind), text, _text(fields, "component", needed=False, longest=80))


def _answer(director: Director, person: Person, fields: Any) -> None:
    director.answer(person, _text(fields, "id", longest=80), _text(fields, "text"))


def _action(director: Director, person: Person, fields: Any) -> None:
    director.add_action(person, _text(fields, "text"), _text(fields, "owner", needed=False, longest=80))


def _begin(director: Director, person: Person, fields: Any) -> None:
    number = fields.get("round") if isinstance(fields, Mapping) else None
    if not isinstance(number, int) or isinstance(number, bool):
        raise BadWish("round: expected a number.")
    director.begin(person, number)


def _clock(director: Director, person: Person, fields: Any) -> None:
    paused = fields.get("paused") if isinstance(fields, Mapping) else None
    speed = fields.get("speed") if isinstance(fields, Mapping) else None
    if paused is not None and not isinstance(paused, bool):
        raise BadWish("paused: expected true or false.")
    if speed is not None and (isinstance(speed, bool) or not isinstance(speed, int | float)):
        raise BadWish("speed: expected a number.")
    if speed is not None and not 1 <= speed <= MAX_SPEED:
        raise BadWish(f"speed: from 1 to {MAX_SPEED:g}.")
    director.set_clock(person, paused=paused, speed=None if speed is None else float(speed))


WISHES: Mapping[str, Wish] = {
    "mark": Wish(_mark, _anyone),
    "answer": Wish(_answer, _anyone),
    "action": Wish(_action, _anyone),
    "abort": Wish(lambda director, person, fields: director.abort(person), lambda plan: plan.abort == "anyone"),
    "begin": Wish(_begin),
    "inject": Wish(lambda director, person, fields: director.inject(person)),
    "call-off": Wish(lambda director, person, fields: director.call_off(person)),
    "end-round": Wish(lambda director, person, fields: director.end_round(person)),
    "clock": Wish(_clock),
    "reveal": Wish(lambda director, person, fields: director.reveal(person, _text(fields, "id", longest=80))),
    "conclude": Wish(lambda director, person, fields: director.conclude(person)),
}
