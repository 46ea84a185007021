"""The kinds of value that a scenario's fields hold, each with its check and its place in the JSON Schema."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from chaos.errors import InvalidPoint
from chaos.points import Point
from harness.scenario.durations import DURATION_PATTERN, format_duration, parse_duration

__all__ = ["NO_GRAIN", "Explained", "FaultId", "Grain", "Name", "PointName", "Seconds", "Share", "Start"]

_NAME_PATTERN = "^[a-z0-9]+(-[a-z0-9]+)*$"
_ID_PATTERN = "^[a-z0-9][a-z0-9._-]*$"
_START_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?)?$"
_POINT_PATTERN = "^(feed|service|store|artifact|env|clock|traffic):.+$|^link:.+->.+$"


class Explained(StrEnum):
    """A word of the scenario language that knows what it means; members are ``NAME = value, meaning``.

    >>> class Colour(Explained):
    ...     RED = "red", "like a tomato"
    >>> Colour("red").meaning
    'like a tomato'
    """

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


def _matching(pattern: str, message: str) -> Any:
    """A validator that refuses text that is not of the pattern, saying what is expected."""

    def check(text: str) -> str:
        if len(text) > 80 or not re.search(pattern, text.replace("\n", "\0")):
            raise ValueError(f"{message.format(text=text[:80])}")
        return text

    return AfterValidator(check)


def _start(value: object) -> datetime:
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str) and re.fullmatch(_START_PATTERN, value):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"no such moment: {value!r} ({error}). {_START_FIX}") from None
    else:
        raise ValueError(f"expected a date and time, got {value!r:.60}. {_START_FIX}")
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"no such moment in UTC: {value!r}. {_START_FIX}") from None


def _point(text: str) -> str:
    try:
        return str(Point.parse(text))
    except InvalidPoint as error:
        raise ValueError(f"{error}. Write for example 'feed:weather', 'link:serving->store'.") from None


#: A duration of none is fine elsewhere; here it would mean that nothing limits how often work comes.
NO_GRAIN = "nothing comes every 0s. Leave `grain` out for the target's own rhythm, or write for example '15m'."


def _grain(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool) and value == 0:
        raise ValueError(NO_GRAIN)
    return value


_START_FIX = "Write it in UTC, for example 2013-06-10T00:00:00."

#: Seconds in Python, a humane duration in a file.
Seconds = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["90s", "4h", "1h30m", "250ms"]}),
]
Grain = Annotated[Seconds, BeforeValidator(_grain)]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Name = Annotated[
    str,
    _matching(_NAME_PATTERN, "{text!r} is not a name. Write lower-case words joined by hyphens: weather-goes-null."),
    WithJsonSchema({"type": "string", "pattern": _NAME_PATTERN, "maxLength": 80}),
]
FaultId = Annotated[
    str,
    _matching(_ID_PATTERN, "{text!r} is not an id. Write lower-case letters, digits, '.', '_' or '-': nulls-1."),
    WithJsonSchema({"type": "string", "pattern": _ID_PATTERN, "maxLength": 80}),
]
PointName = Annotated[str, AfterValidator(_point), WithJsonSchema({"type": "string", "pattern": _POINT_PATTERN})]
Start = Annotated[
    datetime,
    BeforeValidator(_start),
    PlainSerializer(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}Z", return_type=str),
    WithJsonSchema({"type": "string", "pattern": _START_PATTERN, "examples": ["2013-06-10T00:00:00"]}),
]
