"""dependency.unavailable"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from chaos.fault import Action, Fault, Plan, PointView
from chaos.points import PointKind
from chaos.registry import register

__all__ = ["Unavailable"]


@register
class Unavailable(Fault):
    """A service that others depend on answers every request with an error, or takes requests and never answers.

    >>> from chaos.points import Point
    >>> plan = Unavailable(status=500).plan(PointView(Point.parse("service:registry"), "f1", 7))
    >>> plan.do[0].verb, plan.do[0].args["status"], plan.undo[0].verb
    ('answer', 500, 'unanswer')
    """

    name: ClassVar[str] = "dependency.unavailable"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.SERVICE})
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("service:registry", {"mode": "error", "status": 503})

    mode: Literal["error", "hang"] = Field(
        default="error",
        description="error: answers with ``status``; hang: accepts connections and stays silent.",
    )
    status: int = Field(default=503, ge=400, le=599, description="The HTTP status of the answers (mode error).")

    def plan(self, view: PointView) -> Plan:
        by = {"fault_id": view.fault_id}
        if self.mode == "hang":
            return Plan((Action("pause", by),), (Action("resume", by),))
        return Plan((Action("answer", by | {"status": self.status}),), (Action("unanswer", by),))
