"""process.kill"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from chaos.fault import Action, Fault, Plan, PointView, Reversibility
from chaos.points import PointKind
from chaos.registry import register

__all__ = ["Kill"]


@register
class Kill(Fault):
    """A process dies at once, without cleaning up (SIGKILL), and is started again at the end.

    >>> from chaos.points import Point
    >>> plan = Kill().plan(PointView(Point.parse("service:serving"), "f1", 7))
    >>> plan.do[0].verb, plan.undo[0].verb
    ('kill', 'start')
    """

    name: ClassVar[str] = "process.kill"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.SERVICE, PointKind.STORE})
    reversibility: ClassVar[Reversibility] = Reversibility.COMPENSATING
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("service:features", {})

    def remains(self) -> str | None:
        """Lost memory."""
        return "what the process held in memory only is lost"

    def plan(self, view: PointView) -> Plan:
        return Plan(
            (Action("kill", {"fault_id": view.fault_id}),),
            (Action("start", {"fault_id": view.fault_id, "empty": False}),),
        )
