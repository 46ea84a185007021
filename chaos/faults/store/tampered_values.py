"""store.tampered_values"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from pydantic import Field

from chaos.fault import Action, Fault, Plan, PointView, Reversibility
from chaos.points import PointKind
from chaos.registry import register
from chaos.rng import uniform

__all__ = ["TamperedValues"]


@register
class TamperedValues(Fault):
    """Somebody with access to the feature store overwrites values, and does so again when they are written anew.

    In entries that match ``keys`` (a shell pattern), the number ``field`` of the JSON object is multiplied by
    ``factor``.

    >>> from chaos.points import Point
    >>> seen = {"entries": {"f:origin:JFK": '{"delay": 4.0}'}}
    >>> view = PointView(Point.parse("store:store"), "f1", 7, seen)
    >>> TamperedValues(keys="f:origin:*", field="delay", factor=-3).plan(view).do[0].args["entries"]
    {'f:origin:JFK': '{"delay": -12.0}'}
    """

    name: ClassVar[str] = "store.tampered_values"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.STORE})
    reversibility: ClassVar[Reversibility] = Reversibility.COMPENSATING
    observes: ClassVar[str | None] = "entries"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "store:store",
        {"keys": "f:origin:*", "field": "dep_delay_mean", "factor": -3},
    )

    keys: str = Field(default="*", min_length=1, description="Which keys, as a shell pattern.")
    field: str = Field(min_length=1, description="The field that is changed.")
    factor: float = Field(default=-1.0, description="What it is multiplied by.")
    rate: float = Field(default=1.0, ge=0.0, le=1.0, description="The share of those keys that are hit.")

    def share(self) -> float:
        """The rate."""
        return self.rate

    def remains(self) -> str | None:
        """Wrong values where the pipeline does not write again."""
        return "a key that was overwritten keeps its value until the pipeline writes it again"

    def plan(self, view: PointView) -> Plan:
        entries = view.observed.get("entries", {})
        held = {}
        for key in sorted(entries):
            if fnmatchcase(key, self.keys) and uniform(view.seed, self.name, key) < self.rate:
                held[key] = self._tampered(entries[key])
        hold = Action("hold", {"hold_id": view.fault_id, "entries": held})
        return Plan((hold,), (Action("release", {"hold_id": view.fault_id}),))

    def _tampered(self, entry: Any) -> Any:
        """The entry with the field changed; as it is where it has no such number."""
        try:
            value = json.loads(entry)
            return json.dumps({**value, self.field: value[self.field] * self.factor})
        except (TypeError, ValueError, KeyError):
            return entry
