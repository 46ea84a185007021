"""schema.change_precision"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.column_rewrite import ColumnRewrite
from chaos.fault import ColumnKind, ColumnRef, Unit
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ChangePrecision"]


@register
class ChangePrecision(ColumnRewrite):
    """A producer writes numbers with fewer digits, or as 32-bit floats. The type's name and the range stay.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"temp": [39.02, 41.5]})
    >>> chaos.inject(table, "schema.change_precision", column="temp", decimals=-1, seed=7)["temp"].to_pylist()
    [40.0, 40.0]
    """

    name: ClassVar[str] = "schema.change_precision"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"column": "temp", "decimals": -1},
    )

    column: Annotated[str, ColumnRef(ColumnKind.NUMBER)] = Field(description="The column of numbers.")
    decimals: Annotated[
        int,
        Field(
            default=0, ge=-9, le=15, description="Digits behind the point that are kept; -1 rounds to tens and so on."
        ),
        Unit("digits"),
    ]
    single: bool = Field(default=False, description="Store as 32-bit floats instead of rounding.")

    def rewrite(self, values: pa.Array) -> pa.Array:
        import pyarrow as pa

        from chaos.data.rounding import rounded

        if self.single:
            return values.cast(pa.float64(), safe=False).cast(pa.float32(), safe=False)
        return rounded(values, self.decimals)
