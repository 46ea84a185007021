"""traffic.adversarial"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from chaos.fault import Action, Fault, Plan, PointView
from chaos.points import PointKind
from chaos.registry import register

__all__ = ["Adversarial"]


@register
class Adversarial(Fault):
    """Requests are changed so that the model decides otherwise: a number that can be read, and isn't true.

    Each request of a share of the users has ``field`` multiplied by ``factor``.

    >>> from chaos.points import Point
    >>> plan = Adversarial(field="distance", factor=0.1).plan(PointView(Point.parse("traffic:users"), "f1", 7))
    >>> plan.do[0].verb, plan.do[0].args["factor"], plan.undo[0].verb
    ('alter', 0.1, 'unalter')
    """

    name: ClassVar[str] = "traffic.adversarial"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.TRAFFIC})
    backends: ClassVar[frozenset[str]] = frozenset({"sim", "local"})
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "traffic:users",
        {"field": "distance", "factor": 0.1, "rate": 0.5},
    )

    field: str = Field(min_length=1, description="The field of the request that is changed, a number.")
    factor: float = Field(default=0.1, description="What it is multiplied by.")
    rate: float = Field(default=1.0, ge=0.0, le=1.0, description="The share of requests that are changed.")

    def share(self) -> float:
        """The rate."""
        return self.rate

    def plan(self, view: PointView) -> Plan:
        alter = {
            "alter_id": view.fault_id,
            "field": self.field,
            "factor": self.factor,
            "rate": self.rate,
            "seed": view.seed,
        }
        return Plan((Action("alter", alter),), (Action("unalter", {"alter_id": view.fault_id}),))
