"""process.memory_limit"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from chaos.fault import Action, Fault, Plan, PointView, Reversibility, Unit
from chaos.points import PointKind
from chaos.registry import register

__all__ = ["MemoryLimit"]

_MB = 1_000_000


@register
class MemoryLimit(Fault):
    """A process may use ``headroom_mb`` more memory than it does now; when it asks for more, the kernel kills it.

    At the end it gets back what it had, and is started again if it was killed.

    >>> from chaos.points import Point
    >>> seen = {"cpus": 1.0, "memory_bytes": 768_000_000, "memory_used_bytes": 100_000_000}
    >>> plan = MemoryLimit(headroom_mb=8).plan(PointView(Point.parse("service:training"), "f1", 7, seen))
    >>> plan.do[0].args["bytes"], [(action.verb, action.args.get("bytes")) for action in reversed(plan.undo)]
    (108000000, [('unlimit_memory', 768000000), ('start', None)])
    """

    name: ClassVar[str] = "process.memory_limit"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.SERVICE, PointKind.STORE})
    backends: ClassVar[frozenset[str]] = frozenset({"compose"})
    reversibility: ClassVar[Reversibility] = Reversibility.COMPENSATING
    observes: ClassVar[str | None] = "limits"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("service:training", {"headroom_mb": 8})

    headroom_mb: Annotated[
        float,
        Field(ge=1.0, le=1e6, description="How much more than now it may use (1,000,000 bytes each)."),
        Unit("MB"),
    ]

    def remains(self) -> str | None:
        """Lost memory, if it was killed."""
        return "what the process held in memory only is lost if it was killed"

    def plan(self, view: PointView) -> Plan:
        by = {"fault_id": view.fault_id}
        limit = int(view.observed["memory_used_bytes"] + self.headroom_mb * _MB)
        return Plan(
            (Action("limit_memory", by | {"bytes": limit}),),
            (
                Action("start", by | {"empty": False}),
                Action("unlimit_memory", by | {"bytes": view.observed["memory_bytes"]}),
            ),
        )
