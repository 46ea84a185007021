"""The base of faults that send requests of their own, beside those of the users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from chaos.fault import Action, Fault, Plan, PointView, Unit
from chaos.points import PointKind


class LoadFault(Fault):
    """Requests at a steady rate from addresses of their own. ``kind`` tells a driver what they look like."""

    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.TRAFFIC})
    backends: ClassVar[frozenset[str]] = frozenset({"sim", "local"})
    kind: ClassVar[str]

    per_minute: Annotated[
        float, Field(default=60.0, gt=0.0, le=100_000.0, description="How many requests come."), Unit("1/min")
    ]
    clients: int = Field(default=1, ge=1, le=10_000, description="From how many addresses.")

    def options(self) -> Mapping[str, Any]:
        """What else a driver has to know."""
        return {}

    def plan(self, view: PointView) -> Plan:
        load = {
            "load_id": view.fault_id,
            "kind": self.kind,
            "per_minute": self.per_minute,
            "clients": self.clients,
            "seed": view.seed,
            **self.options(),
        }
        return Plan((Action("load", load),), (Action("unload", {"load_id": view.fault_id}),))
