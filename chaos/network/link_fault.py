"""The base of faults that put toxics on links."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from chaos.fault import Action, Fault, Plan, PointView
from chaos.points import PointKind


class LinkFault(Fault):
    """Toxics on one link, or on every link to a service or a store. Their names start with the fault's id."""

    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.LINK, PointKind.SERVICE, PointKind.STORE})

    toxicity: float = Field(default=1.0, ge=0.0, le=1.0, description="The share of connections that are hit.")

    def share(self) -> float:
        """The toxicity."""
        return self.toxicity

    @abstractmethod
    def toxics(self) -> Iterator[tuple[str, str, Mapping[str, float]]]:
        """(type, stream, attributes) of each toxic, in Toxiproxy's words."""

    def plan(self, view: PointView) -> Plan:
        do, undo = [], []
        for kind, stream, attributes in self.toxics():
            toxic: dict[str, Any] = {
                "name": f"{view.fault_id}.{kind}.{stream}",
                "type": kind,
                "stream": stream,
                "toxicity": self.toxicity,
                "attributes": dict(attributes),
            }
            do.append(Action("add_toxic", {"toxic": toxic}))
            undo.append(Action("remove_toxic", {"name": toxic["name"]}))
        return Plan(do, undo)
