"""data.constant_column"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from chaos.data.column_fault import ColumnFault
from chaos.data.where import OTHERS, Scalar
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["ConstantColumn"]


@register
class ConstantColumn(ColumnFault):
    """A whole column holds one value: a hard-coded default, a broken encoder.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"seats": [55, 189]})
    >>> chaos.inject(table, "data.constant_column", column="seats", value=1, seed=7).to_pydict()
    {'seats': [1, 1]}
    """

    name: ClassVar[str] = "data.constant_column"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:weather", {"column": "pressure", "value": 1013.25})

    rate: float = Field(
        default=1.0, ge=0.0, le=1.0, description="The share of rows to hit, of those that `where` leaves."
    )
    value: Scalar = Field(description="The value, of the column's kind.")

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.values import constant

        return constant(self.value, values.type, len(values), fault=self.name, param="value")

    def typical(self) -> Mapping[str, Sequence[Any]]:
        return {self.column: [self.value, *OTHERS[type(self.value)]]}
