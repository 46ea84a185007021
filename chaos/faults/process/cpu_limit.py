"""process.cpu_limit"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from chaos.fault import Action, Fault, Plan, PointView, Unit
from chaos.points import PointKind
from chaos.registry import register

__all__ = ["CpuLimit"]


@register
class CpuLimit(Fault):
    """A process gets a small share of a CPU and no more: the kernel holds it back whenever it has had its share.

    The evidence are the kernel's own counts: periods in which the process was throttled.

    >>> from chaos.points import Point
    >>> seen = {"cpus": 1.0, "memory_bytes": 0, "memory_used_bytes": 0}
    >>> plan = CpuLimit(cpus=0.05).plan(PointView(Point.parse("service:serving"), "f1", 7, seen))
    >>> plan.do[0].args["cpus"], plan.undo[0].args["cpus"]
    (0.05, 1.0)
    """

    name: ClassVar[str] = "process.cpu_limit"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.SERVICE, PointKind.STORE})
    backends: ClassVar[frozenset[str]] = frozenset({"compose"})
    observes: ClassVar[str | None] = "limits"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("service:serving", {"cpus": 0.05})

    cpus: Annotated[float, Field(ge=0.01, le=64.0, description="How much of a CPU's time it gets."), Unit("CPUs")]

    def plan(self, view: PointView) -> Plan:
        by = {"fault_id": view.fault_id}
        return Plan(
            (Action("limit_cpu", by | {"cpus": self.cpus}),),
            (Action("unlimit_cpu", by | {"cpus": view.observed["cpus"]}),),
        )
