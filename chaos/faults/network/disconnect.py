"""network.disconnect"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from chaos.fault import Action, Fault, Plan, PointView
from chaos.points import PointKind
from chaos.registry import register

__all__ = ["Disconnect"]


@register
class Disconnect(Fault):
    """A container loses its network, as if its cable were pulled: nothing passes, in either direction, to anybody.

    Connections that were open stall, without a reset, and its name can no longer be resolved. The process runs on.

    >>> from chaos.points import Point
    >>> plan = Disconnect().plan(PointView(Point.parse("service:features"), "f1", 7))
    >>> plan.do[0].verb, plan.undo[0].verb
    ('disconnect', 'connect')
    """

    name: ClassVar[str] = "network.disconnect"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.SERVICE, PointKind.STORE})
    backends: ClassVar[frozenset[str]] = frozenset({"compose"})
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("service:features", {})

    def plan(self, view: PointView) -> Plan:
        by = {"fault_id": view.fault_id}
        return Plan((Action("disconnect", by),), (Action("connect", by),))
