"""The faults described, from their own declarations: for the command line, the docs and the scenario editor."""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from chaos.fault import ColumnRef, Fault, Unit
from chaos.registry import Registry, registry


@dataclass(frozen=True, slots=True)
class ParamDescription:
    """One parameter. ``default`` is JSON text; None if the parameter must be given.

    ``model`` is what its ``type`` calls the model that it holds, if it holds one: a condition, say.
    """

    name: str
    type: str
    unit: str | None
    default: str | None
    bounds: str
    column: str | None
    model: str | None
    description: str


@dataclass(frozen=True, slots=True)
class FaultDescription:
    """One fault. ``text`` is its docstring's prose, ``code`` the session in it, ``example`` the lines of a scenario."""

    name: str
    family: str
    summary: str
    text: str
    code: str
    params: Sequence[ParamDescription]
    points: Sequence[str]
    backends: Sequence[str]
    reversibility: str
    example: str


def describe(fault: type[Fault]) -> FaultDescription:
    """What there is to know about a fault.

    >>> described = describe(registry.get("freshness.delay"))
    >>> described.params[0].name, described.params[0].unit, described.params[0].bounds
    ('by_s', 's', 'above 0, at most 31536000')
    >>> print(described.example)
    - fault: freshness.delay
      point: feed:flights
      with: {by_s: 3600}
    """
    prose, mark, session = inspect.cleandoc(fault.__doc__ or "").partition(">>>")
    prose = prose.strip()
    return FaultDescription(
        name=fault.name,
        family=fault.name.partition(".")[0],
        summary=prose.split("\n\n")[0].replace("\n", " "),
        text=prose,
        code=_runnable(fault, mark + session),
        params=[describe_param(name, info) for name, info in _own_first(fault)],
        points=sorted(kind.value for kind in fault.points),
        backends=sorted(fault.backends),
        reversibility=fault.reversibility.value,
        example=_example(fault),
    )


def catalogue(faults: Registry = registry) -> list[FaultDescription]:
    """Every fault, by name."""
    return [describe(faults.get(name)) for name in faults.names()]


def describe_param(name: str, info: FieldInfo) -> ParamDescription:
    """What there is to know about a parameter."""
    unit = next((mark.symbol for mark in info.metadata if isinstance(mark, Unit)), None)
    column = next((mark.kind.value for mark in info.metadata if isinstance(mark, ColumnRef)), None)
    default = None if info.is_required() else json.dumps(info.get_default(call_default_factory=True))
    return ParamDescription(
        name=name,
        type=_type_text(info.annotation),
        unit=unit,
        default=default,
        bounds=_bounds(info),
        column=column,
        model=next((model.__name__.lower() for model in models_in(info.annotation)), None),
        description=info.description or "",
    )


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for arg in get_args(annotation):
        yield from models_in(arg)


def _own_first(fault: type[Fault]) -> list[tuple[str, FieldInfo]]:
    """The parameters, those that the fault has in common with others last."""
    own = inspect.get_annotations(fault)
    return sorted(fault.model_fields.items(), key=lambda item: item[0] not in own)


def _runnable(fault: type[Fault], session: str) -> str:
    """The session with the imports that a docstring can do without, as it sees its module's names."""
    module = sys.modules[fault.__module__]
    imports = []
    for word in sorted(set(re.findall(r"\b[A-Z]\w+", session))):
        known = getattr(module, word, None)
        if isinstance(known, type) and not re.search(rf"import .*\b{word}\b", session):
            imports.append(f">>> from {known.__module__} import {word}\n")
    return "".join(imports) + session


_BOUND_WORDS: Mapping[str, str] = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def _bounds(info: FieldInfo) -> str:
    found = []
    for mark in info.metadata:
        for attribute, words in _BOUND_WORDS.items():
            limit = getattr(mark, attribute, None)
            if limit is not None:
                found.append(f"{words} {limit:.15g}")
        if getattr(mark, "min_length", None):
            found.append("not empty")
    return ", ".join(found)


def _type_text(annotation: Any) -> str:
    """A type in words: ``number``, ``text``, ``one of a, b``, ``list of text``, ``value`` for any of them.

    ``or nothing`` is said where it may be null.

    >>> _type_text(tuple[bool | int | float | str, ...] | None)
    'list of value or nothing'
    """
    origin = getattr(annotation, "__origin__", None)
    args: tuple[Any, ...] = getattr(annotation, "__args__", ())
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.__name__.lower()
    simple = {float: "number", int: "whole number", str: "text", bool: "true or false", type(None): "nothing"}
    if annotation in simple:
        return simple[annotation]
    if {bool, int, float, str} <= set(args):
        args = ("value", *(arg for arg in args if arg not in (bool, int, float, str)))
        return " or ".join(arg if isinstance(arg, str) else _type_text(arg) for arg in args)
    if {int, float} <= set(args):  # a whole number is a number
        args = tuple(arg for arg in args if arg is not int)
    if args and all(isinstance(arg, str) for arg in args):
        return "one of " + ", ".join(args)
    if origin is tuple:
        return f"list of {_type_text(args[0])}"
    return " or ".join(_type_text(arg) for arg in args) if args else str(annotation)


def _example(fault: type[Fault]) -> str:
    point, params = fault.example
    lines = [f"- fault: {fault.name}", f"  point: {point}"]
    if params:
        lines.append(f"  with: {_yaml(params)}")
    return "\n".join(lines)


#: Text that YAML takes for text without quotes.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_NOT_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})


def _yaml(value: Any) -> str:
    """A value as YAML on one line.

    >>> _yaml("epoch_ms"), _yaml("no"), _yaml("12"), _yaml({"column": "origin", "among": ["JFK", 4]})
    ('epoch_ms', '"no"', '"12"', '{column: origin, among: [JFK, 4]}')
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_yaml(name)}: {_yaml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_yaml(item) for item in value) + "]"
    plain = isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT
    return str(value) if plain else json.dumps(value)


def markdown(faults: Registry = registry) -> str:
    """The reference of all faults as one page of Markdown: the same registry gives the same text."""
    from chaos.reference_page import page

    return page(faults)
