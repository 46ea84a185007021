"""data.swapped_entities"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import ColumnFault, Context
from chaos.data.where import Condition, Scalar, Where, require_different
from chaos.fault import ColumnRef
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["SwappedEntities"]


@register
class SwappedEntities(ColumnFault):
    """One entity's values are given to another: two devices exchanged, an id used twice.

    Rows of the entity ``taker`` get the value that ``giver`` has in a row that agrees in the columns ``at`` (the last
    such row of the batch); where there is none, the value stays.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"origin": ["JFK", "EWR"], "hour": [1, 1], "temp": [39.0, 21.0]})
    >>> mixed = chaos.inject(table, "data.swapped_entities", column="temp", entity="origin", giver="JFK", taker="EWR",
    ...                      at=["hour"], seed=7)
    >>> mixed["temp"].to_pylist()
    [39.0, 39.0]
    """

    name: ClassVar[str] = "data.swapped_entities"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"column": "temp", "entity": "origin", "giver": "JFK", "taker": "EWR", "at": ["observed_at"]},
    )

    rate: float = Field(
        default=1.0, ge=0.0, le=1.0, description="The share of rows to hit, of those that `where` leaves."
    )
    entity: Annotated[str, ColumnRef()] = Field(description="The column that tells entities apart.")
    giver: Scalar = Field(description="Whose values are given away.")
    taker: Scalar = Field(description="Who gets them.")
    at: Annotated[tuple[str, ...], ColumnRef()] = Field(
        default=(), description="Columns in which both rows must agree, such as the time."
    )

    def context(self) -> Context:
        return "batch"

    @model_validator(mode="after")
    def _two_entities(self) -> SwappedEntities:
        require_different((self.giver, self.taker), "giver and taker")
        return self

    def conditions(self) -> Where:
        return (*self.where, Condition(column=self.entity, among=(self.taker,)))

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.groups import of_entity, taking
        from chaos.data.values import places

        whose = places(victims.cells.whole(self.entity), [self.giver], fault=self.name, param="giver")
        return taking(values, victims, self.column, of_entity(victims, whose == 0, self.at))

    def typical(self) -> Mapping[str, Sequence[Any]]:
        return {self.entity: [self.giver, self.taker]}
