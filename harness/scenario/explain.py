"""What pydantic found wrong, in plain words: where, what, and what to write instead."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from chaos.spelling import nearest
from harness.scenario.classification import DIMENSIONS
from harness.scenario.document import Place
from harness.scenario.model import (
    EXPECTATIONS,
    MAX_ENTRIES,
    After,
    BlastRadius,
    Classification,
    FaultSpec,
    Scenario,
    SteadyState,
    StopCondition,
)
from harness.scenario.suggest import suggestion

__all__ = ["Finding", "explain_empty", "explain_model", "explain_params", "explain_scenario", "explain_sizes"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at a place of a scenario, not yet tied to a file.

    ``at_key`` says that the key itself is wrong, not its value.
    """

    place: Place
    message: str
    at_key: bool = False


#: The model that holds the keys at a place; indices are left out of the place.
_MODELS: Mapping[Place, type[BaseModel]] = {
    (): Scenario,
    ("classification",): Classification,
    ("steady_state",): SteadyState,
    ("faults",): FaultSpec,
    ("faults", "after"): After,
    ("stop",): StopCondition,
    ("blast_radius",): BlastRadius,
}

_EXAMPLES = {
    "name": "`name: weather-goes-null`",
    "faults": "`faults:` and a list of them",
    "expect": "`expect:` and `- detect_within: 30m`",
    "fault": "`fault: data.null_spike`",
    "point": "`point: feed:weather`",
    "probe": "`probe: availability`",
    "signal": "`signal: quality`",
}

_EMPTY = {
    "faults": "no fault is given, so that nothing would happen. Add one; `pipequake faults` lists them.",
    "expect": "nothing is expected, so that the scenario can't fail. Add for example `- detect_within: 30m`.",
}

_WRONG_TYPE = {
    "string": "text",
    "dict": "keys and values",
    "model": "keys and values",
    "list": "a list",
    "tuple": "a list",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}

_BOUNDS = {
    "greater_than": ("gt", "a number above"),
    "greater_than_equal": ("ge", "a number of at least"),
    "less_than": ("lt", "a number below"),
    "less_than_equal": ("le", "a number of at most"),
}


def explain_scenario(error: ValidationError) -> list[Finding]:
    """The findings of a scenario that doesn't validate."""
    return list(_explain(error, _model_at))


def explain_model(error: ValidationError, models: Mapping[Place, type[BaseModel]]) -> list[Finding]:
    """The findings of another kind of file; ``models`` has the model at each place, indices left out."""
    return list(_explain(error, lambda place: models.get(tuple(step for step in place if isinstance(step, str)))))


def explain_sizes(raw: Mapping[str, Any]) -> Iterator[Finding]:
    """Lists that are too long to be looked at one entry after another, and mappings of too many keys."""
    for key, value in raw.items():
        if isinstance(value, list) and len(value) > MAX_ENTRIES and key in key_names(Scenario):
            message = f"{len(value)} entries are more than {MAX_ENTRIES}. Split the scenario into several."
            yield Finding((key,), message)
    if len(raw) > MAX_ENTRIES:
        yield Finding((), f"{len(raw)} keys are more than a scenario has. Remove those that aren't part of it.")


def explain_empty(raw: Mapping[str, Any]) -> Iterator[Finding]:
    """Keys without a value, wherever the model has keys; a fault's own parameters may be null."""
    yield from _empty(raw, ())


def _empty(value: object, place: Place) -> Iterator[Finding]:
    if value is None:
        what = _EMPTY.get(str(place[-1])) if len(place) == 1 else None
        yield Finding(place, what or "no value is given. Write one, or remove the key.")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key != "with" or item is None:
                yield from _empty(item, (*place, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _empty(item, (*place, index))


def explain_params(error: ValidationError, fault: type[BaseModel], name: str) -> list[Finding]:
    """The findings of a fault's own parameters, with places that begin at the parameters."""
    more = f"`pipequake faults {name}` shows the parameters."
    findings = _explain(error, lambda place: fault if not place else None)
    return [Finding(found.place, f"{_sentence(found.message)} {more}", found.at_key) for found in findings]


def _sentence(text: str) -> str:
    """The text with its full stop, which the words of a fault's own validator may lack.

    >>> _sentence("leave out one of them"), _sentence("Did you mean 'column'?")
    ('leave out one of them.', "Did you mean 'column'?")
    """
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _model_at(place: Place) -> type[BaseModel] | None:
    if len(place) == 3 and place[0] == "expect":
        return EXPECTATIONS.get(str(place[2]).strip("<>"))
    return _MODELS.get(tuple(step for step in place if isinstance(step, str)))


def _explain(error: ValidationError, model_at: Callable[[Place], type[BaseModel] | None]) -> Iterator[Finding]:
    details = error.errors(include_url=False)
    for detail in details:
        tagged: Place = detail["loc"]
        place = _untagged(tagged)
        model = model_at(tagged[:-1])
        if detail["type"] == "extra_forbidden":
            known = key_names(model) if model is not None else []
            yield Finding(place, _unknown_key(place[-1], known), at_key=True)
        elif detail["type"] == "missing":
            if not _misspelt(tagged, details):
                yield Finding(place[:-1], _missing(str(place[-1]), model))
        elif detail["type"] == "too_short":
            if not detail["input"]:
                yield Finding(place, _EMPTY.get(str(place[-1]), "expected at least one entry. Add one."))
        else:
            yield Finding(place, _message(detail))


def _untagged(location: Place) -> Place:
    """A location without the tag that pydantic puts after the index of an expectation."""
    tags = {f"<{key}>" for key in EXPECTATIONS}
    if location[:1] == ("expect",) and len(location) > 2 and location[2] in tags:
        return location[:2] + location[3:]
    return location


def key_names(model: type[BaseModel]) -> list[str]:
    """The keys that a model has in a file."""
    return [info.alias or name for name, info in model.model_fields.items()]


def _unknown_key(key: object, known: Sequence[str]) -> str:
    return (
        f"unknown key. {suggestion(key, known, otherwise='Remove it.')}" if known else "takes no parameter. Remove it."
    )


def _misspelt(missing: Place, details: Sequence[Any]) -> bool:
    """Whether an unknown key beside it is surely the missing one, and is reported as such."""
    beside = [d["loc"] for d in details if d["type"] == "extra_forbidden" and d["loc"][:-1] == missing[:-1]]
    return any(nearest(str(loc[-1]), [str(missing[-1])]) for loc in beside)


def _missing(key: str, model: type[BaseModel] | None) -> str:
    if model is Classification:
        values = ", ".join(member.value for member in DIMENSIONS[key])
        return f"{key!r} is missing: all six dimensions, or none. Write `{key}: ` and one of: {values}."
    return f"{key!r} is missing. Write {_EXAMPLES.get(key, f'`{key}: ...`')}."


def _message(detail: Any) -> str:
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    if kind in ("enum", "literal_error"):
        return f"unknown value {shown(value)}. {suggestion(value, _choices(detail))}"
    if kind == "union_tag_not_found":
        return _untold(value)
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return f"expected {words} {context[key]}, got {shown(value)}."
    base = kind.removesuffix("_type").removesuffix("_parsing").removesuffix("_from_float")
    if base in _WRONG_TYPE and kind != base:
        return f"expected {_WRONG_TYPE[base]}, got {shown(value)}.{_remedy(base, value)}"
    return f"{detail['msg'].removeprefix('Input ')}, got {shown(value)}."


def _remedy(base: str, value: object) -> str:
    """How a value of another type is written, where that can be guessed."""
    if base in ("list", "tuple") and isinstance(value, Mapping):
        return " Begin each entry with `- `."
    percent = re.fullmatch(r"(\d{1,3}(?:\.\d{1,3})?) ?%", value, re.ASCII) if isinstance(value, str) else None
    if base == "float" and percent:
        return f" Write {float(percent[1]) / 100:g}."
    return ""


def _choices(detail: Any) -> list[str]:
    expected = str(detail.get("ctx", {}).get("expected", ""))
    return re.findall(r"'([^']*)'", expected) or [part for part in re.split(", | or ", expected) if part]


def _untold(value: object) -> str:
    """An entry of ``expect`` of which the kind can't be told."""
    kinds = ", ".join(EXPECTATIONS)
    if not isinstance(value, Mapping):
        return f"expected keys and values, got {shown(value)}. Write for example `- detect_within: 30m`."
    given = [key for key in EXPECTATIONS if key in value]
    if given:
        return f"{' and '.join(given)} are two expectations. Write each as an entry of its own."
    guesses = [near for key in value if (near := nearest(key, EXPECTATIONS)) is not None]
    if guesses:
        return f"unknown expectation. Did you mean {guesses[0]!r}?"
    return f"no expectation is named. Write one of: {kinds}."


def shown(value: object) -> str:
    """A value as the file would have it, cut to fit a line."""
    if isinstance(value, Mapping):
        return "keys and values"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    return "nothing" if value is None else text if len(text) <= 60 else text[:57] + "..."
