"""Checks that nothing is asked of a store or a service while another fault keeps it from answering."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from chaos.errors import ChaosError
from chaos.fault import Fault, PointView
from chaos.points import Point
from chaos.registry import Registry
from harness.scenario.draft import Draft
from harness.scenario.explain import Finding
from harness.scenario.timeline import fault_spans

__all__ = ["check_out_of_reach"]

#: What a fault does to a process so that nobody can ask it anything.
_SILENCING = frozenset({"kill", "pause"})

_BEGINS = (
    "begins while {other!r} lets nobody in to {point}, so that what is there can't be seen. "
    "Let it begin before or after that."
)
_ENDS = (
    "ends while {other!r} lets nobody in to {point}, so that what was there can't be put back. "
    "Let it end before or after that."
)


def check_out_of_reach(draft: Draft, registry: Registry) -> Iterator[Finding]:
    """Faults that have to read or write what they damage while another one lets nobody in, as far as can be told."""
    faults = [_fault(draft, index, registry) for index in range(len(draft.faults))]
    spans = fault_spans(draft)
    for index, (fault, span) in enumerate(zip(faults, spans, strict=True)):
        if fault is None or span is None or fault[0].observes is None:
            continue
        for other, (silencer, closed) in enumerate(zip(faults, spans, strict=True)):
            if silencer is None or closed is None or silencer[1] != fault[1] or not _silences(*silencer):
                continue
            wrong = None
            if closed[0] < span[0] < closed[1] or (closed[0] == span[0] and other < index):
                wrong = _BEGINS
            elif span[0] <= closed[0] < span[1] < closed[1]:
                wrong = _ENDS
            if wrong is not None:
                yield Finding(("faults", index), wrong.format(other=draft.ids[other], point=fault[1]))


def _fault(draft: Draft, index: int, registry: Registry) -> tuple[Fault, Point] | None:
    """The fault and its point; None if it isn't usable, which is reported elsewhere."""
    spec = draft.faults[index]
    if spec is None:
        return None
    try:
        return registry.get(spec.fault).model_validate(spec.params), Point.parse(spec.point)
    except (ChaosError, ValidationError):
        return None


def _silences(fault: Fault, point: Point) -> bool:
    if fault.observes is not None or point.kind not in fault.points:
        return False
    return any(action.verb in _SILENCING for action in fault.plan(PointView(point, "", 0)).do)
