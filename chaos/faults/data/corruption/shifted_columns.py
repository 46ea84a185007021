"""data.shifted_columns"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import CellFault
from chaos.fault import ColumnRef
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["ShiftedColumns"]


@register
class ShiftedColumns(CellFault):
    """A row's fields move one column to the right, as after a delimiter inside a value; the first becomes null.

    Text that is no number becomes null in a column of numbers. The last column's own value is lost.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"carrier": ["UA"], "flight": ["1545"], "distance": [1400]})
    >>> chaos.inject(table, "data.shifted_columns", order=["carrier", "flight", "distance"], rate=1, seed=7).to_pydict()
    {'carrier': [None], 'flight': ['UA'], 'distance': [1545]}
    """

    name: ClassVar[str] = "data.shifted_columns"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"order": ["carrier", "origin", "dest"], "rate": 0.02},
    )

    order: Annotated[tuple[str, ...], ColumnRef()] = Field(
        min_length=2, description="The columns, in the order in which values move from one to the next."
    )

    @model_validator(mode="after")
    def _each_once(self) -> ShiftedColumns:
        if len(set(self.order)) < len(self.order):
            raise ValueError(f"expected each column once in order, got {', '.join(self.order)}")
        return self

    def columns(self) -> tuple[str, ...]:
        return self.order

    def edit(self, old: Mapping[str, pa.Array], victims: Victims) -> Mapping[str, pa.Array]:
        import pyarrow as pa

        from chaos.data.conversions import converted

        first = self.order[0]
        new = {first: pa.nulls(len(victims), old[first].type)}
        for giver, taker in zip(self.order, self.order[1:], strict=False):
            new[taker] = converted(old[giver], old[taker].type)
        return new
