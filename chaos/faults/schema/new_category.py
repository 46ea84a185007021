"""schema.new_category"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.column_fault import ColumnFault
from chaos.fault import ColumnKind, ColumnRef
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["NewCategory"]


@register
class NewCategory(ColumnFault):
    """A value turns up that nobody has seen before: a new carrier, a new code.

    Rows without a value stay as they are.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"carrier": ["UA", "B6", None]})
    >>> made = chaos.inject(table, "schema.new_category", column="carrier", value="ZZ", rate=1.0, seed=7)
    >>> made["carrier"].to_pylist()
    ['ZZ', 'ZZ', None]
    """

    name: ClassVar[str] = "schema.new_category"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"column": "carrier", "value": "ZZ", "rate": 0.3},
    )

    column: Annotated[str, ColumnRef(ColumnKind.TEXT)] = Field(description="The column of categories.")
    value: str = Field(default="OTHER", min_length=1, description="The new category.")

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        return pc.if_else(values.is_valid(), pa.scalar(self.value).cast(values.type), values)
