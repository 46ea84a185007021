"""traffic.malformed"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from chaos.registry import register
from chaos.traffic.load_fault import LoadFault

__all__ = ["Malformed"]


@register
class Malformed(LoadFault):
    """Requests that can't be read: a client of another version, a scanner that tries what a parser takes.

    ``shape`` is what is wrong with them: ``json`` (cut in the middle), ``types`` (text for numbers), ``missing`` (a
    field is not there), ``huge`` (a field of a megabyte).

    >>> from chaos.fault import PointView
    >>> from chaos.points import Point
    >>> plan = Malformed(shape="types").plan(PointView(Point.parse("traffic:users"), "f1", 7))
    >>> plan.do[0].args["shape"]
    'types'
    """

    name: ClassVar[str] = "traffic.malformed"
    kind: ClassVar[str] = "malformed"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("traffic:users", {"per_minute": 30, "shape": "json"})

    shape: Literal["json", "types", "missing", "huge"] = Field(default="json", description="What is wrong with them.")

    def options(self) -> Mapping[str, Any]:
        return {"shape": self.shape}
