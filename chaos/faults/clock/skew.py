"""clock.skew"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from chaos.fault import Action, Fault, Plan, PointView, Unit
from chaos.points import PointKind
from chaos.registry import register

__all__ = ["Skew"]


@register
class Skew(Fault):
    """A machine's clock is wrong, after a lost time server or a bad image: what runs on it sees another time of day.

    Ages, windows, schedules and stamps go wrong by as much; time-outs don't, as the monotonic clock measures them.
    What a service says of itself, such as how old its features are, goes by its clock too, and misleads who reads it.
    At the end the clock is right again at once.

    >>> from chaos.points import Point
    >>> plan = Skew(by_s=3600).plan(PointView(Point.parse("clock:serving"), "f1", 7))
    >>> plan.do[0].verb, plan.do[0].args["by_s"], plan.undo[0].verb
    ('skew', 3600.0, 'unskew')
    """

    name: ClassVar[str] = "clock.skew"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.CLOCK})
    backends: ClassVar[frozenset[str]] = frozenset({"sim", "local"})
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("clock:serving", {"by_s": 10_800})

    by_s: Annotated[
        float,
        Field(ge=-31_536_000.0, le=31_536_000.0, description="How far the clock is ahead; negative is behind."),
        Unit("s"),
    ]

    @model_validator(mode="after")
    def _some_time(self) -> Skew:
        if self.by_s == 0.0:
            raise ValueError("expected by_s other than 0")
        return self

    def plan(self, view: PointView) -> Plan:
        skew_id = view.fault_id
        return Plan(
            (Action("skew", {"skew_id": skew_id, "by_s": self.by_s}),), (Action("unskew", {"skew_id": skew_id}),)
        )
