"""traffic.surge"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from chaos.registry import register
from chaos.traffic.load_fault import LoadFault

__all__ = ["Surge"]


@register
class Surge(LoadFault):
    """Many more requests than usual, each like those of the users: a campaign, a retry storm, an attack.

    >>> from chaos.fault import PointView
    >>> from chaos.points import Point
    >>> plan = Surge(per_minute=600).plan(PointView(Point.parse("traffic:users"), "f1", 7))
    >>> plan.do[0].verb, plan.do[0].args["kind"], plan.undo[0].verb
    ('load', 'surge', 'unload')
    """

    name: ClassVar[str] = "traffic.surge"
    kind: ClassVar[str] = "surge"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("traffic:users", {"per_minute": 300})
