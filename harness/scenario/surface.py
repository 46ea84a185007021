"""Checks of what a scenario acts on: fault, point, parameters and the target's parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from chaos.data.where import Condition
from chaos.errors import ChaosError, InvalidPoint, UnknownFault
from chaos.fault import ColumnKind, ColumnRef, Fault, kinds_of_type
from chaos.points import Point, PointKind
from chaos.registry import Registry
from harness.scenario.document import Place
from harness.scenario.draft import Draft
from harness.scenario.explain import Finding, explain_params
from harness.scenario.facts import TargetFacts
from harness.scenario.model import DetectWithin
from harness.scenario.suggest import suggestion

__all__ = ["check_surface"]


def check_surface(
    draft: Draft, registry: Registry, facts: TargetFacts | None, backend: str | None
) -> Iterator[Finding]:
    """What doesn't exist, or can't be done there; ``facts`` and ``backend`` are checked where given."""
    for index, raw in enumerate(draft.raw_faults):
        if isinstance(raw, Mapping):
            yield from _check_fault(("faults", index), raw, registry, facts, backend)
    if facts is not None:
        yield from _check_components(draft, facts)
        yield from _check_replay(draft, facts)
        if draft.through is not None and draft.through not in facts.services:
            hint = suggestion(draft.through, facts.services)
            yield Finding(("through",), f"the target has no service {draft.through!r}. {hint}")


def _check_fault(
    place: Place, raw: Mapping[str, Any], registry: Registry, facts: TargetFacts | None, backend: str | None
) -> Iterator[Finding]:
    name, params = raw.get("fault"), raw.get("with", {})
    point = _parsed(raw.get("point"))
    fault = None
    try:
        fault = registry.get(name) if isinstance(name, str) else None
    except UnknownFault as error:
        yield Finding((*place, "fault"), str(error))
    if fault is not None and point is not None and point.kind not in fault.points:
        yield Finding((*place, "point"), _wrong_kind(fault, point, facts))
    elif facts is not None and point is not None:
        yield from _check_point((*place, "point"), point, facts)
    if fault is None:
        return
    if backend is not None and backend not in fault.backends:
        able = ", ".join(sorted(fault.backends))
        yield Finding((*place, "fault"), f"{name!r} can't be done in the backend {backend!r}. Use one of: {able}.")
    if isinstance(params, Mapping):
        yield from _check_params((*place, "with"), params, fault)
        if facts is not None and point is not None and point.kind is PointKind.FEED:
            yield from _check_columns((*place, "with"), params, fault, point.name, facts)


def _parsed(text: object) -> Point | None:
    try:
        return Point.parse(text) if isinstance(text, str) else None
    except InvalidPoint:
        return None


def _check_params(place: Place, params: Mapping[str, Any], fault: type[Fault]) -> Iterator[Finding]:
    try:
        fault.model_validate(dict(params))
    except ValidationError as error:
        for found in explain_params(error, fault, fault.name):
            yield Finding((*place, *found.place), found.message, found.at_key)
    except ChaosError as error:
        yield Finding(place, str(error))


def _wrong_kind(fault: type[Fault], point: Point, facts: TargetFacts | None) -> str:
    kinds = sorted(kind.value for kind in fault.points)
    known = [f"{kind}:{name}" for kind in kinds for name in (facts.names(PointKind(kind)) if facts else ())]
    fix = suggestion("", known) if known else f"Write for example '{_EXAMPLE_POINTS[kinds[0]]}'."
    return f"{fault.name!r} acts on {' or '.join(kinds)}, not on {point.kind.value}. {fix}"


_EXAMPLE_POINTS = {
    "feed": "feed:weather",
    "link": "link:serving->store",
    "service": "service:training",
    "store": "store:store",
    "artifact": "artifact:model",
    "env": "env:training",
    "clock": "clock:serving",
    "traffic": "traffic:users",
}


def _check_point(place: Place, point: Point, facts: TargetFacts) -> Iterator[Finding]:
    known = facts.names(point.kind)
    if not known:
        yield Finding(place, f"the target has no {point.kind.value} that can be acted on. Use another kind of point.")
    elif not any(_matches(point, name) for name in known):
        full = [f"{point.kind}:{name}" for name in known]
        hint = suggestion(str(point), full)
        yield Finding(place, f"the target has no {point.kind.value} {point.name!r}. {hint}")


def _matches(point: Point, name: str) -> bool:
    if point.kind is not PointKind.LINK:
        return point.name == name
    client, _, server = name.partition("->")
    return point.ends[0] in ("*", client) and point.ends[1] in ("*", server)


def _check_columns(
    place: Place, params: Mapping[str, Any], fault: type[Fault], feed: str, facts: TargetFacts
) -> Iterator[Finding]:
    columns = facts.feeds.get(feed, ())
    types = columns if isinstance(columns, Mapping) else {}
    if not columns:
        return
    for where, column, kind, needs in (*_named_columns(place, params, fault), *_conditions(place, params, fault)):
        if column not in columns:
            hint = suggestion(column, columns)
            yield Finding(where, f"the feed {feed!r} has no column {column!r}. {hint}")
        elif column in types and kind is not ColumnKind.ANY and kind not in kinds_of_type(types[column]):
            able = [name for name in types if kind in kinds_of_type(types[name])]
            hint = suggestion("", able, otherwise="Name another column.")
            yield Finding(where, f"{needs} needs a {kind} column, but {column!r} is {types[column]}. {hint}")


#: Where a column is named, the column, what it must hold, and for what.
_Named = tuple[Place, str, ColumnKind, str]


def _named_columns(place: Place, params: Mapping[str, Any], fault: type[Fault]) -> Iterator[_Named]:
    for param, kind in _column_params(fault):
        value = params.get(param)
        entries: list[tuple[Place, Any]] = [((*place, param), value)]
        if isinstance(value, list | tuple):
            entries = [((*place, param, index), entry) for index, entry in enumerate(value)]
        for where, column in entries:
            if isinstance(column, str):
                yield where, column, kind, repr(fault.name)


def _conditions(place: Place, params: Mapping[str, Any], fault: type[Fault]) -> Iterator[_Named]:
    """The columns that the conditions of ``where`` look at, where these are valid and name one."""
    given = params.get("where") if "where" in fault.model_fields else None
    for index, raw in enumerate(given if isinstance(given, list | tuple) else [given]):
        try:
            condition = Condition.model_validate(raw)
        except ValidationError:
            continue
        if condition.column is not None:
            at = (*place, "where", index) if isinstance(given, list | tuple) else (*place, "where")
            yield (*at, "column"), condition.column, condition.kind(), "the condition"


def _column_params(fault: type[Fault]) -> Iterator[tuple[str, ColumnKind]]:
    """Parameters that name columns: those that say so, and those that are called that."""
    for name, info in fault.model_fields.items():
        marks = [mark for mark in info.metadata if isinstance(mark, ColumnRef)]
        if marks or name in ("column", "columns"):
            yield info.alias or name, marks[0].kind if marks else ColumnKind.ANY


def _check_components(draft: Draft, facts: TargetFacts) -> Iterator[Finding]:
    for index, expectation in enumerate(draft.expect):
        if isinstance(expectation, DetectWithin) and expectation.component is not None and facts.components:
            component = expectation.component
            if component not in facts.components:
                hint = suggestion(component, facts.components)
                yield Finding(("expect", index, "component"), f"the target has no component {component!r}. {hint}")


def _check_replay(draft: Draft, facts: TargetFacts) -> Iterator[Finding]:
    if facts.replay is None or draft.start is None or draft.warmup_s is None or draft.horizon_s is None:
        return
    first, last = facts.replay
    latest = last - timedelta(seconds=draft.warmup_s + draft.horizon_s)
    if not first <= draft.start <= latest:
        span = f"the data spans {first:%Y-%m-%dT%H:%M} to {last:%Y-%m-%dT%H:%M}"
        fix = f"Start between {first:%Y-%m-%dT%H:%M:%S} and {latest:%Y-%m-%dT%H:%M:%S}."
        if latest < first:
            fix = "Shorten the warm-up or the horizon."
        yield Finding(("start",), f"the run doesn't fit the data that can be replayed: {span}. {fix}")
