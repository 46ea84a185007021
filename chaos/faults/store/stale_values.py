"""store.stale_values"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from pydantic import Field

from chaos.fault import Action, Fault, Plan, PointView, Reversibility
from chaos.points import PointKind
from chaos.registry import register
from chaos.rng import uniform

__all__ = ["StaleValues"]


@register
class StaleValues(Fault):
    """Entries of the feature store keep the values that they have when the fault begins.

    Writes seem to succeed; readers go on getting the old values, stamps included. ``rate`` is the share of the
    keys that match ``keys`` (a shell pattern); which ones depends on the seed and the key only.

    >>> from chaos.points import Point
    >>> seen = {"entries": {"origin:JFK": {"temp": "39.0"}, "carrier:UA": {"delay": "4"}}}
    >>> view = PointView(Point.parse("store:store"), "f1", 7, seen)
    >>> StaleValues(keys="origin:*").plan(view).do[0].args["entries"]
    {'origin:JFK': {'temp': '39.0'}}
    """

    name: ClassVar[str] = "store.stale_values"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.STORE})
    reversibility: ClassVar[Reversibility] = Reversibility.COMPENSATING
    observes: ClassVar[str | None] = "entries"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("store:store", {"rate": 0.5})

    keys: str = Field(default="*", min_length=1, description="Which keys, as a shell pattern.")
    rate: float = Field(default=1.0, ge=0.0, le=1.0, description="The share of those keys that stand still.")

    def share(self) -> float:
        """The rate."""
        return self.rate

    def remains(self) -> str | None:
        """Old values where the pipeline does not write again."""
        return "a key that was held keeps its old value until the pipeline writes it again"

    def plan(self, view: PointView) -> Plan:
        entries = view.observed.get("entries", {})
        held = {
            key: entries[key]
            for key in sorted(entries)
            if fnmatchcase(key, self.keys) and uniform(view.seed, self.name, key) < self.rate
        }
        hold = Action("hold", {"hold_id": view.fault_id, "entries": held})
        return Plan((hold,), (Action("release", {"hold_id": view.fault_id}),))
