"""What a fault is: a frozen, validated spec that plans actions and their undo, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from chaos.points import Point, PointKind

if TYPE_CHECKING:
    from chaos.data.ledger import Corruption
    from chaos.gateway.batch import Batch, BatchRef


class Reversibility(StrEnum):
    """Whether a revert restores the state bit for bit."""

    EXACT = "exact"
    COMPENSATING = "compensating"


@dataclass(frozen=True, slots=True)
class Action:
    """One idempotent verb for the driver of a point, with arguments that are JSON."""

    verb: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done at a point and what undoes it; undo runs last action first."""

    do: Sequence[Action]
    undo: Sequence[Action]


@dataclass(frozen=True, slots=True)
class PointView:
    """What a driver saw at a point before the plan was made.

    ``fault_id`` names this injection; ``seed`` is its own; ``observed`` is JSON (empty unless the
    fault's ``observes`` asked for something).
    """

    point: Point
    fault_id: str
    seed: int
    observed: Mapping[str, Any] = field(default_factory=dict)


class Fault(BaseModel):
    """A declarative fault. Subclasses add parameters as fields and say where they may act."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, ser_json_inf_nan="constants")

    name: ClassVar[str]
    points: ClassVar[frozenset[PointKind]]
    backends: ClassVar[frozenset[str]] = frozenset({"sim", "local", "compose"})
    reversibility: ClassVar[Reversibility] = Reversibility.EXACT
    observes: ClassVar[str | None] = None

    def plan(self, view: PointView) -> Plan:
        """The actions and their undo. Pure: same view, same plan."""
        raise NotImplementedError(f"{type(self).__name__}.plan")


class FeedFault(Fault):
    """A fault on batches between a source and ingestion, carried out by the feed gateway.

    Subclasses override what they need of the three abilities; each default changes nothing.
    """

    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.FEED})

    def plan(self, view: PointView) -> Plan:
        rule = {
            "rule_id": view.fault_id,
            "feed": view.point.name,
            "fault": self.name,
            "params": self.model_dump(mode="json"),
            "seed": view.seed,
        }
        return Plan(
            do=(Action("install", rule),),
            undo=(Action("uninstall", {"rule_id": view.fault_id, "feed": view.point.name}),),
        )

    def deliver(self, refs: Sequence[BatchRef], *, now: float, since: float) -> Sequence[BatchRef]:
        """The listing that ingestion gets to see, given the true one; ``since`` is when the fault began."""
        return refs

    def corrupt(self, batch: Batch, *, seed: int) -> tuple[Batch, Corruption | None]:
        """The batch that ingestion receives and the ledger of what was changed in it."""
        return batch, None

    def mangle(self, payload: bytes, *, seed: int) -> bytes:
        """The encoded bytes, for faults below the level of a table (truncation, encoding)."""
        return payload
