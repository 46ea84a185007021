"""data.permuted_within_group"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.column_fault import ColumnFault, Context
from chaos.fault import ColumnRef
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["PermutedWithinGroup"]


@register
class PermutedWithinGroup(ColumnFault):
    """Within each group the victims' values go round among them: every distribution stays, every row is wrong.

    Values come from the same batch; groups that lie in one batch are permuted the same however the feed is cut.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"origin": ["JFK", "JFK", "EWR"], "temp": [1.0, 2.0, 3.0]})
    >>> chaos.inject(table, "data.permuted_within_group", column="temp", group=["origin"], seed=7)["temp"].to_pylist()
    [2.0, 1.0, 3.0]
    """

    name: ClassVar[str] = "data.permuted_within_group"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"column": "dep_delay", "group": ["origin"]})

    rate: float = Field(
        default=1.0, ge=0.0, le=1.0, description="The share of rows to hit, of those that `where` leaves."
    )
    group: Annotated[tuple[str, ...], ColumnRef()] = Field(
        default=(), description="Columns whose values make a group; by default the batch is one."
    )

    def context(self) -> Context:
        return "batch"

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.groups import rotated, taking

        return taking(values, victims, self.column, rotated(victims, self.group, "place"))
