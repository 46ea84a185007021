"""store.outage"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from chaos.fault import Action, Fault, Plan, PointView, Reversibility
from chaos.points import PointKind
from chaos.registry import register

__all__ = ["Outage"]


@register
class Outage(Fault):
    """The feature store is gone: it refuses connections, or accepts them and never answers.

    With ``loses_data`` it comes back empty, as a cache without persistence does.

    >>> from chaos.points import Point
    >>> plan = Outage(loses_data=True).plan(PointView(Point.parse("store:store"), "f1", 7))
    >>> plan.do[0].verb, plan.undo[0].verb, plan.undo[0].args["empty"]
    ('kill', 'start', True)
    """

    name: ClassVar[str] = "store.outage"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.STORE})
    reversibility: ClassVar[Reversibility] = Reversibility.COMPENSATING
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("store:store", {"mode": "hang"})

    mode: Literal["refuse", "hang"] = Field(
        default="refuse", description="refuse: the process is dead; hang: it is alive and frozen."
    )
    loses_data: bool = Field(default=False, description="Whether the store comes back empty (mode refuse only).")

    @model_validator(mode="after")
    def _a_hanging_store_keeps_its_data(self) -> Outage:
        if self.mode == "hang" and self.loses_data:
            raise ValueError("loses_data needs mode 'refuse': a store that hangs keeps its data")
        return self

    def remains(self) -> str | None:
        """An empty store, if it lost its data."""
        return "the store is empty until the pipeline fills it again" if self.loses_data else None

    def plan(self, view: PointView) -> Plan:
        by = {"fault_id": view.fault_id}
        if self.mode == "hang":
            return Plan((Action("pause", by),), (Action("resume", by),))
        return Plan((Action("kill", by),), (Action("start", by | {"empty": self.loses_data}),))
