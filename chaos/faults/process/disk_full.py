"""process.disk_full"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from chaos.fault import Action, Fault, Plan, PointView
from chaos.points import PointKind
from chaos.registry import register

__all__ = ["DiskFull"]


@register
class DiskFull(Fault):
    """The volume that a process writes to has no room left: the kernel answers each write with ENOSPC.

    What is there can still be read.

    >>> from chaos.points import Point
    >>> plan = DiskFull().plan(PointView(Point.parse("service:ingestion"), "f1", 7))
    >>> plan.do[0].verb, plan.undo[0].verb
    ('fill_disk', 'free_disk')
    """

    name: ClassVar[str] = "process.disk_full"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.SERVICE, PointKind.STORE})
    backends: ClassVar[frozenset[str]] = frozenset({"local"})
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("service:ingestion", {})

    def plan(self, view: PointView) -> Plan:
        by = {"fault_id": view.fault_id}
        return Plan((Action("fill_disk", by),), (Action("free_disk", by),))
