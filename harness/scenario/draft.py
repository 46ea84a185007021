"""What can be used of a document that may have errors elsewhere, so that one run finds all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.scenario.durations import parse_duration
from harness.scenario.fields import Grain, Start
from harness.scenario.model import (
    BlastRadius,
    DegradationAtMost,
    DetectWithin,
    Expectation,
    FaultSpec,
    OutcomeIs,
    RecoverWithin,
    Scenario,
    number_ids,
)

__all__ = ["Draft", "draft"]

_EXPECTATION: TypeAdapter[Any] = TypeAdapter(Expectation)
_GRAIN: TypeAdapter[float] = TypeAdapter(Grain)
_START: TypeAdapter[datetime] = TypeAdapter(Start)


@dataclass(frozen=True, slots=True)
class Draft:
    """A scenario of which any part may be unusable, and is then None. Indices are those of the document.

    ``raw_faults`` are the faults as written, for checks that need only some of their keys.
    """

    raw_faults: list[Any]
    faults: list[FaultSpec | None]
    ids: list[str | None]
    expect: list[DetectWithin | RecoverWithin | DegradationAtMost | OutcomeIs | None]
    warmup_s: float | None
    horizon_s: float | None
    start: datetime | None
    blast_radius: BlastRadius | None
    through: str | None = None
    grain_s: float | None = None
    steady: bool = True
    """Whether a steady state is asked for."""


def draft(raw: Mapping[str, Any]) -> Draft:
    """The usable parts of a document (or of `Scenario.to_spec`)."""
    raw_faults = _entries(raw, "faults")
    return Draft(
        raw_faults=raw_faults,
        faults=[_fault(entry) for entry in raw_faults],
        ids=_lenient_ids(raw_faults),
        expect=[_or_none(_EXPECTATION.validate_python, entry) for entry in _entries(raw, "expect")],
        warmup_s=_seconds(raw, "warmup"),
        horizon_s=_seconds(raw, "horizon"),
        start=_or_none(_START.validate_python, raw.get("start")),
        blast_radius=_or_none(BlastRadius.model_validate, raw.get("blast_radius", {})),
        through=raw["through"] if isinstance(raw.get("through"), str) else None,
        grain_s=_or_none(_GRAIN.validate_python, raw.get("grain")),
        steady="steady_state" not in raw or bool(_entries(raw, "steady_state")),
    )


#: Without a sound one of these, nothing can be said about when the fault is on.
_TIMING = frozenset({"at", "after", "for"})


def _fault(entry: object) -> FaultSpec | None:
    """The fault, or what is sound of it; one whose name or point is unusable has an empty name."""
    try:
        return FaultSpec.model_validate(entry)
    except ValidationError as error:
        wrong = {str(detail["loc"][0]) if detail["loc"] else "" for detail in error.errors(include_url=False)}
    if not isinstance(entry, Mapping) or "" in wrong or wrong & _TIMING:
        return None
    sound = {key: value for key, value in entry.items() if key not in wrong}
    if wrong & {"fault", "point", "with"}:
        sound.update({"fault": "", "point": "feed:*", "with": {}})
    usable: FaultSpec | None = _or_none(FaultSpec.model_validate, sound)
    return usable


def _entries(raw: Mapping[str, Any], key: str) -> list[Any]:
    entries = raw.get(key)
    return list(entries) if isinstance(entries, list | tuple) else []


def _or_none(validate: Any, value: object) -> Any:
    try:
        return validate(value)
    except ValidationError:
        return None


def _seconds(raw: Mapping[str, Any], key: str) -> float | None:
    if key not in raw:
        return float(Scenario.model_fields[f"{key}_s"].default)
    try:
        return parse_duration(raw[key])
    except ValueError:
        return None


def _lenient_ids(raw_faults: list[Any]) -> list[str | None]:
    """The id of each fault that has a readable id or name, as `Scenario.fault_ids` would give it."""
    readable: list[tuple[str | None, str]] = []
    for entry in raw_faults:
        own, name = (entry.get("id"), entry.get("fault")) if isinstance(entry, Mapping) else (None, None)
        readable.append((own if isinstance(own, str) else None, name if isinstance(name, str) else ""))
    return [found or None for found in number_ids(readable)]
