"""The bases of faults on cells: of any columns (`CellFault`), and of one (`ColumnFault`)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from chaos.data.where import Where, where_refs
from chaos.errors import InvalidFault, Problem
from chaos.fault import ColumnKind, ColumnRef, PayloadFault, Unit

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims
    from chaos.data.ledger import Corruption
    from chaos.data.rows import I64, RowIds
    from chaos.data.source import Cells
    from chaos.gateway.batch import Batch

#: What a row's new content depends on: the row alone, or the other rows of its batch too.
Context = Literal["row", "batch"]


class DrawnFault(PayloadFault):
    """Which rows are hit. Without ``exact`` each on its own with probability ``rate``, whatever the batches."""

    rate: float = Field(ge=0.0, le=1.0, description="The share of rows to hit, of those that `where` leaves.")
    where: Where = Field(
        default=(),
        description="Conditions that a row must meet, all of them, such as {column: origin, among: [JFK]} or "
        "{column: temp, above: 90}; by default every row is eligible.",
    )
    burst: Annotated[int, Unit("rows")] = Field(
        default=1,
        ge=1,
        le=1_000_000_000,
        description="Rows are hit in runs of this many consecutive rows of the feed, as in an outage.",
    )
    exact: bool = Field(
        default=False,
        description="Hit exactly rate times the rows, rounded, of each batch; by default the number is binomial and "
        "does not depend on how the feed is cut into batches.",
    )
    key: Annotated[tuple[str, ...], ColumnRef()] = Field(
        default=(),
        description="Columns that name a row; by default a row is named by its position in the feed. Rows with one "
        "name are hit together.",
    )

    @model_validator(mode="after")
    def _bursts_need_positions(self) -> DrawnFault:
        if self.burst > 1 and self.key:
            raise ValueError("burst needs rows named by position: leave out key, or make it name a whole burst")
        if self.burst > 1 and self.exact:
            raise ValueError("burst hits whole runs, so that exact cannot be kept: leave out one of them")
        return self

    def share(self) -> float:
        """The rate."""
        return self.rate

    def context(self) -> Context:
        """What a row's new content depends on; ``batch`` says that it matters how the feed is cut."""
        return "batch" if self.exact else "row"

    def conditions(self) -> Where:
        """What a row must meet to be eligible."""
        return self.where

    def column_refs(self) -> Iterator[tuple[str, str, ColumnKind]]:
        """Also the columns that the conditions name."""
        yield from super().column_refs()
        yield from where_refs(self.conditions())

    def draw_key(self, seed: int) -> int:
        """The key of the fault's draws: seed, fault and what it acts on."""
        from chaos.rng import key64

        return key64(seed, self.name, *self.columns())

    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The columns whose cells may change; conditions without a column mean the first."""

    def typical(self) -> Mapping[str, Sequence[Any]]:
        """Values that columns must hold for the fault to find something, for the conformance kit."""
        return {}


class CellFault(DrawnFault):
    """A fault that gives some cells other values. It sees its victims only, and never writes itself."""

    #: Whether `edit` takes values with their dictionary, as faults on categories do.
    dictionaries: ClassVar[bool] = False

    must_change: bool = Field(
        default=False,
        description="Only cells that the fault can change are drawn, so that every one that is selected changes.",
    )

    @abstractmethod
    def edit(self, old: Mapping[str, pa.Array], victims: Victims) -> Mapping[str, pa.Array]:
        """New values of the victims in `columns`, given the old ones; types and lengths stay."""

    def diff(self, cells: Cells, ids: RowIds, *, seed: int, candidates: I64 | None = None) -> Corruption:
        """What the fault does to the cells, with nothing changed yet; `require` has passed them.

        Rows are named by ``ids``; ``candidates`` are the rows that the draw hits, if they have been found already.
        """
        from chaos.data.cells import Victims, changes, corruption, drawn
        from chaos.data.exactly import drawn_among_changeable

        key = self.draw_key(seed)
        if self.exact and self.must_change:
            rows, requested = drawn_among_changeable(self, cells, ids, key)
        else:
            rows, requested = drawn(
                self, cells, ids, key, own=self.columns()[0], fault=self.name, candidates=candidates
            )
        victims = Victims(rows, ids, key, cells)
        apart = self.context() == "row"
        steps = changes(self.edit, self.columns(), victims, dictionaries=self.dictionaries, apart=apart)
        return corruption(self.name, cells, victims, requested, steps, must_change=self.must_change)

    def corrupt(self, batch: Batch, *, seed: int) -> tuple[Batch, Corruption | None]:
        from chaos.data.chain import corrupt_batch  # here: validating a scenario needs no numpy

        return corrupt_batch(batch, [(self, seed)])


class ColumnFault(CellFault):
    """A fault on the cells of one column."""

    column: Annotated[str, ColumnRef()] = Field(description="The column to change.")

    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    @abstractmethod
    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        """New values of the victims, given their old ones: an array of the same type and length."""

    def edit(self, old: Mapping[str, pa.Array], victims: Victims) -> Mapping[str, pa.Array]:
        return {self.column: self.change(old[self.column], victims)}


class NumberFault(ColumnFault):
    """A fault on a column of numbers."""

    column: Annotated[str, ColumnRef(ColumnKind.NUMBER)] = Field(description="The column to change, of numbers.")


class TextFault(ColumnFault):
    """A fault on a column of text."""

    column: Annotated[str, ColumnRef(ColumnKind.TEXT)] = Field(description="The column to change, of text.")


def require(fault: PayloadFault, cells: Cells) -> None:
    """Raises `InvalidFault` if the cells lack a column that the fault names, or hold another type there."""
    from chaos.gateway.column_types import type_name

    refs = list(fault.column_refs())
    types = dict.fromkeys(cells.names(), "")
    for _, column, kind in refs:
        if kind is not ColumnKind.ANY and column in types:
            types[column] = type_name(cells.type_of(column))
    problems = fault.check_columns(types)
    if not problems:  # a manifest calls times text as well, since they travel as text; these are the real types
        problems = [
            Problem(param, f"column {column!r} is {types[column]}, expected a text")
            for param, column, kind in refs
            if kind is ColumnKind.TEXT and not types[column].startswith(("string", "large_string", "null"))
        ]
    if problems:
        raise InvalidFault(fault.name, problems)


def require_columns(fault: PayloadFault, batch: Batch) -> None:
    """Raises `InvalidFault` if the batch lacks a column that the fault names, or has another type there."""
    problems = fault.check_columns(batch.column_types())
    if problems:
        raise InvalidFault(fault.name, problems)
