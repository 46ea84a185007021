"""data.swapped_columns"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import ColumnFault
from chaos.fault import ColumnRef
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["SwappedColumns"]


@register
class SwappedColumns(ColumnFault):
    """Two fields of a row change places: latitude and longitude, origin and destination.

    A number that the other column's type cannot hold is rounded or clipped; text that is no number becomes null there.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"origin": ["JFK"], "dest": ["LAX"]})
    >>> chaos.inject(table, "data.swapped_columns", column="origin", other="dest", rate=1, seed=7).to_pydict()
    {'origin': ['LAX'], 'dest': ['JFK']}
    """

    name: ClassVar[str] = "data.swapped_columns"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"column": "origin", "other": "dest", "rate": 0.05},
    )

    other: Annotated[str, ColumnRef()] = Field(description="The column that it changes places with.")

    @model_validator(mode="after")
    def _two_columns(self) -> SwappedColumns:
        if self.other == self.column:
            raise ValueError(f"expected 'other' to be another column, got {self.other!r} for both")
        return self

    def columns(self) -> tuple[str, ...]:
        return self.column, self.other

    def edit(self, old: Mapping[str, pa.Array], victims: Victims) -> Mapping[str, pa.Array]:
        from chaos.data.conversions import converted

        one, two = old[self.column], old[self.other]
        return {self.column: converted(two, one.type), self.other: converted(one, two.type)}

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        """What the column itself gets."""
        from chaos.data.conversions import converted

        return converted(victims.values(self.other), values.type)
