"""process.read_only_disk"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from chaos.fault import Action, Fault, Plan, PointView
from chaos.points import PointKind
from chaos.registry import register

__all__ = ["ReadOnlyDisk"]


@register
class ReadOnlyDisk(Fault):
    """The volume that a process writes to turns read-only, as a kernel does with a disk that it no longer trusts.

    >>> from chaos.points import Point
    >>> plan = ReadOnlyDisk().plan(PointView(Point.parse("service:features"), "f1", 7))
    >>> plan.do[0].verb, plan.undo[0].verb
    ('protect_disk', 'unprotect_disk')
    """

    name: ClassVar[str] = "process.read_only_disk"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.SERVICE})
    backends: ClassVar[frozenset[str]] = frozenset({"local"})
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("service:features", {})

    def plan(self, view: PointView) -> Plan:
        by = {"fault_id": view.fault_id}
        return Plan((Action("protect_disk", by),), (Action("unprotect_disk", by),))
