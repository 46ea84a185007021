"""process.pause"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from chaos.fault import Action, Fault, Plan, PointView
from chaos.points import PointKind
from chaos.registry import register

__all__ = ["Pause"]


@register
class Pause(Fault):
    """A process stands still (SIGSTOP): its sockets accept bytes, nothing answers. It goes on at the end.

    >>> from chaos.points import Point
    >>> plan = Pause().plan(PointView(Point.parse("service:ingestion"), "f1", 7))
    >>> plan.do[0].verb, plan.undo[0].verb
    ('pause', 'resume')
    """

    name: ClassVar[str] = "process.pause"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.SERVICE, PointKind.STORE})
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("service:ingestion", {})

    def plan(self, view: PointView) -> Plan:
        return Plan((Action("pause", {"fault_id": view.fault_id}),), (Action("resume", {"fault_id": view.fault_id}),))
