"""traffic.slow_clients"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from chaos.fault import Unit
from chaos.registry import register
from chaos.traffic.load_fault import LoadFault

__all__ = ["SlowClients"]


@register
class SlowClients(LoadFault):
    """Clients that begin a request and send the rest a byte at a time: each keeps a connection that others need.

    >>> from chaos.fault import PointView
    >>> from chaos.points import Point
    >>> plan = SlowClients(pause_s=20).plan(PointView(Point.parse("traffic:users"), "f1", 7))
    >>> plan.do[0].args["kind"], plan.do[0].args["pause_s"]
    ('slow_clients', 20.0)
    """

    name: ClassVar[str] = "traffic.slow_clients"
    kind: ClassVar[str] = "slow_clients"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("traffic:users", {"per_minute": 30, "pause_s": 20})

    pause_s: Annotated[
        float, Field(default=10.0, gt=0.0, le=3600.0, description="How long they wait between two bytes."), Unit("s")
    ]

    def options(self) -> Mapping[str, Any]:
        return {"pause_s": self.pause_s}
