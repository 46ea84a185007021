"""schema.merge_categories"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.column_rewrite import ColumnRewrite
from chaos.fault import ColumnKind, ColumnRef
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["MergeCategories"]


@register
class MergeCategories(ColumnRewrite):
    """A producer no longer tells some categories apart: two carriers merge, two codes become one.

    Every value is still a valid one, so only the distribution shows it.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"origin": ["JFK", "LGA", "EWR"]})
    >>> made = chaos.inject(table, "schema.merge_categories", column="origin", values=["LGA"], into="JFK", seed=7)
    >>> made["origin"].to_pylist()
    ['JFK', 'JFK', 'EWR']
    """

    name: ClassVar[str] = "schema.merge_categories"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"column": "carrier", "values": ["UA", "DL", "AA"], "into": "B6"},
    )

    column: Annotated[str, ColumnRef(ColumnKind.TEXT)] = Field(description="The column of categories.")
    values: tuple[str, ...] = Field(min_length=1, description="The categories that disappear.")
    into: str = Field(description="The category that they become.")

    def typical(self) -> Mapping[str, Sequence[Any]]:
        """Some of the categories that disappear."""
        return {self.column: [*self.values, self.into, "another"]}

    def rewrite(self, values: pa.Array) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
            values = values.cast(pa.string())
        gone = pc.is_in(values, pa.array(self.values, values.type))
        return pc.if_else(gone, pa.scalar(self.into, values.type), values)
