"""What a fault is: a frozen, validated spec that plans actions and their undo, as data.

A fault declares itself: ``name``, ``points``, ``backends``, ``reversibility``, one ``example``, and parameters whose
annotations carry a unit (`Unit`) or say that they name a column (`ColumnRef`). Help, the catalogue, the check of a
scenario before it runs and the conformance kit all read these declarations; nothing is written down twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from chaos.errors import InvalidPoint, Problem, suggestion
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

    def to_json(self) -> dict[str, Any]:
        """The form that the journal holds."""
        return {"verb": self.verb, "args": dict(self.args)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Action:
        """Read `to_json`'s form; raises ``KeyError`` without a verb."""
        return cls(raw["verb"], raw.get("args", {}))


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


@dataclass(frozen=True, slots=True)
class Unit:
    """Annotation: the unit of a parameter, for help and catalogue."""

    symbol: str


class ColumnKind(StrEnum):
    """What a column must hold for a fault to make sense of it."""

    ANY = "any"
    NUMBER = "number"
    TEXT = "text"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """Annotation: the parameter names a column (or a tuple of columns) of the feed."""

    kind: ColumnKind = ColumnKind.ANY


class Fault(BaseModel, ABC):
    """A declarative fault. Subclasses add parameters as fields and say where they may act."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: ClassVar[str]
    points: ClassVar[frozenset[PointKind]]
    backends: ClassVar[frozenset[str]] = frozenset({"sim", "local", "compose"})
    reversibility: ClassVar[Reversibility] = Reversibility.EXACT
    observes: ClassVar[str | None] = None
    #: A point and parameters that work there on the reference pipeline; shown in help and run by the tests.
    example: ClassVar[tuple[str, Mapping[str, Any]]]

    @abstractmethod
    def plan(self, view: PointView) -> Plan:
        """The actions and their undo. Pure: same view, same plan."""

    def share(self) -> float:
        """The largest share of what passes its point that the fault may touch, for the blast radius."""
        return 1.0

    def remains(self) -> str | None:
        """What a revert leaves behind, in words; None if nothing."""
        return None

    def check_point(self, point: Point) -> None:
        """Raises `InvalidPoint` if the fault cannot act there."""
        if point.kind not in self.points:
            kinds = ", ".join(sorted(f"{kind}:" for kind in self.points))
            raise InvalidPoint(f"fault {self.name!r} acts on {kinds} points, not on {str(point)!r}")

    def column_refs(self) -> Iterator[tuple[str, str, ColumnKind]]:
        """(parameter, column, what it must hold) of each column that the parameters name."""
        for param, kind in _column_params(type(self)):
            value = getattr(self, param)
            for column in (value,) if isinstance(value, str) else value or ():
                yield param, column, kind

    def check_columns(self, columns: Mapping[str, str]) -> list[Problem]:
        """What is wrong with the named columns, given the feed's ({name: type}); empty if nothing is."""
        problems = []
        for param, column, kind in self.column_refs():
            if column not in columns:
                hint = suggestion(column, columns) or f" Columns: {', '.join(columns)}."
                problems.append(Problem(param, f"no column {column!r}.{hint}"))
            elif kind is not ColumnKind.ANY and kind not in kinds_of_type(columns[column]):
                problems.append(Problem(param, f"column {column!r} is {columns[column]}, expected a {kind}"))
        return problems


@cache
def _column_params(fault: type[Fault]) -> Sequence[tuple[str, ColumnKind]]:
    """The parameters that name columns, and what those must hold."""
    marked = [(param, mark) for param, info in fault.model_fields.items() for mark in info.metadata]
    return [(param, mark.kind) for param, mark in marked if isinstance(mark, ColumnRef)]


def kinds_of_type(type_name: str) -> frozenset[ColumnKind]:
    """What a column of the manifest's type can be used as. Times travel as text in CSV and JSON.

    >>> sorted(kinds_of_type("int64"))
    [<ColumnKind.NUMBER: 'number'>]
    """
    name = type_name.lower()
    if name == "null":  # no value tells what the column holds, and none can be wrong
        return frozenset({ColumnKind.NUMBER, ColumnKind.TEXT, ColumnKind.TIME})
    if name.startswith(("int", "uint", "float", "double", "half", "decimal", "number")):
        return frozenset({ColumnKind.NUMBER})
    if name.startswith(("timestamp", "date", "time")):
        return frozenset({ColumnKind.TIME, ColumnKind.TEXT})
    if name == "str" or name.startswith(("string", "text", "large_string", "utf8")):  # and no struct
        return frozenset({ColumnKind.TEXT, ColumnKind.TIME})
    return frozenset()


class FeedFault(Fault):
    """A fault on batches between a source and ingestion, carried out by the feed gateway.

    Subclasses override the abilities that they need; each default changes nothing. For one batch they are asked in
    this order: `deliver`, `gather` and `compose`, `corrupt`, then, once the table is encoded, `mangle`.
    """

    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.FEED})
    #: `corrupt` changes which columns there are. Of a frame it sees blanks for those that no parameter names.
    reshapes: ClassVar[bool] = False
    #: `corrupt` looks at what is in the columns, and not at their names alone.
    reads: ClassVar[bool] = True

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

    def deliver(self, refs: Sequence[BatchRef], *, now: float, since: float, seed: int) -> Sequence[BatchRef]:
        """The listing that ingestion gets to see, given the true one; ``since`` is when the fault began."""
        return refs

    def gather(self, ref: BatchRef, refs: Sequence[BatchRef], *, since: float, seed: int) -> Sequence[BatchRef]:
        """The other batches, out of all, that `compose` needs to make this one."""
        return ()

    def compose(self, batch: Batch, others: Sequence[Batch], *, seed: int) -> tuple[Batch, int]:
        """The batch with other rows in it, and how many were left out or put in: how a feed is cut into batches."""
        return batch, 0

    def corrupt(self, batch: Batch, *, seed: int) -> tuple[Batch, Corruption | None]:
        """The batch with the same rows changed, and the ledger of what was. It must not matter how a feed is cut."""
        return batch, None

    def mangle(self, payload: bytes, ref: BatchRef, *, seed: int) -> bytes:
        """The encoded bytes, for faults below the level of a table (truncation, encoding)."""
        return payload

    def overrides(self, *abilities: str) -> bool:
        """Whether the fault has any of these abilities.

        >>> from chaos.registry import registry
        >>> registry.create("freshness.freeze", {}).overrides("compose", "corrupt", "mangle")
        False
        """
        return any(getattr(type(self), name) is not getattr(FeedFault, name) for name in abilities)


class PayloadFault(FeedFault):
    """A fault on what is in a batch. By default the producer seems to have made it: the manifest agrees with it."""

    in_transit: bool = Field(
        default=False,
        description="Leave the manifest as the producer wrote it, so that it no longer agrees with the payload.",
    )
