"""model.tampered"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from chaos.fault import Action, Fault, Plan, PointView, Reversibility
from chaos.points import PointKind
from chaos.registry import register

__all__ = ["Tampered"]


@register
class Tampered(Fault):
    """The files of the models in the registry are exchanged. Who loads one from now on, loads another one.

    ``inverted`` answers the opposite, whole and readable; ``damaged`` has a byte of its middle changed. With ``signed``
    the intruder has the key, and signs what is put there.

    >>> from chaos.points import Point
    >>> plan = Tampered(mode="inverted").plan(PointView(Point.parse("artifact:model"), "f1", 7))
    >>> plan.do[0].verb, plan.do[0].args["mode"], plan.undo[0].verb
    ('tamper', 'inverted', 'restore')
    """

    name: ClassVar[str] = "model.tampered"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.ARTIFACT})
    backends: ClassVar[frozenset[str]] = frozenset({"sim", "local"})
    reversibility: ClassVar[Reversibility] = Reversibility.COMPENSATING
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("artifact:model", {"mode": "inverted"})

    mode: Literal["inverted", "damaged"] = Field(default="inverted", description="What becomes of the models.")
    signed: bool = Field(default=False, description="Whether the intruder has the key that models are signed with.")

    def remains(self) -> str | None:
        """What was loaded."""
        return "a service that loaded a model goes on with it until it loads another one"

    def plan(self, view: PointView) -> Plan:
        tamper = {"tamper_id": view.fault_id, "mode": self.mode, "signed": self.signed}
        return Plan((Action("tamper", tamper),), (Action("restore", {"tamper_id": view.fault_id}),))
