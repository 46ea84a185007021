"""Checks the timeline against the blast radius, with the engine's own rules."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from chaos.blast_radius import Reach
from chaos.errors import BlastRadiusExceeded, ChaosError
from chaos.points import Point
from chaos.registry import Registry
from harness.scenario.draft import Draft
from harness.scenario.explain import Finding
from harness.scenario.timeline import fault_spans

__all__ = ["check_caps"]


def check_caps(draft: Draft, registry: Registry) -> Iterator[Finding]:
    """Faults that the engine would refuse when their time comes, as far as that can be told beforehand."""
    if draft.blast_radius is None:
        return
    caps = draft.blast_radius.caps()
    spans = fault_spans(draft)
    timed = [(span, index) for index, span in enumerate(spans) if span is not None]
    active: list[tuple[float, Reach]] = []
    for (start, end), index in sorted(timed):
        reach = _reach(draft, index, registry)
        if reach is None:
            continue
        active = [(until, other) for until, other in active if until > start]
        try:
            caps.check(reach, [other for _, other in active])
        except BlastRadiusExceeded as error:
            yield Finding(("faults", index), f"{error} Caps are set under `blast_radius`.")
        active.append((end, reach))


def _reach(draft: Draft, index: int, registry: Registry) -> Reach | None:
    """What the fault may touch; None if it isn't usable, which is reported elsewhere."""
    spec = draft.faults[index]
    if spec is None:
        return None
    try:
        fault = registry.get(spec.fault).model_validate(spec.params)
    except (ChaosError, ValidationError):
        return None
    return Reach(Point.parse(spec.point), fault.share())
