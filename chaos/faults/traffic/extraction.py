"""traffic.extraction"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from chaos.registry import register
from chaos.traffic.load_fault import LoadFault

__all__ = ["Extraction"]


@register
class Extraction(LoadFault):
    """Somebody asks not to be told, but to learn: the model itself, or whom it was trained on.

    ``grid`` goes through every combination of what can be asked, to train a copy on the answers; ``neighbours`` asks
    about one case with small changes, to find out what the model knows of it alone.

    >>> from chaos.fault import PointView
    >>> from chaos.points import Point
    >>> plan = Extraction(around="neighbours").plan(PointView(Point.parse("traffic:users"), "f1", 7))
    >>> plan.do[0].args["around"]
    'neighbours'
    """

    name: ClassVar[str] = "traffic.extraction"
    kind: ClassVar[str] = "extraction"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("traffic:users", {"per_minute": 60, "around": "grid"})

    around: Literal["grid", "neighbours"] = Field(default="grid", description="What is asked about.")

    def options(self) -> Mapping[str, Any]:
        return {"around": self.around}
