"""data.disguised_null"""

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

__all__ = ["DisguisedNull"]


@register
class DisguisedNull(ColumnFault):
    """Missing values arrive as a value that looks like data: 0, -999, "N/A" or an empty text.

    A default in an upstream form, a legacy code for "unknown". Checks on nulls see nothing.

    >>> import pyarrow as pa, chaos
    >>> chaos.inject(pa.table({"temp": [39.0]}), "data.disguised_null", column="temp", rate=1, seed=7).to_pydict()
    {'temp': [-999.0]}
    """

    name: ClassVar[str] = "data.disguised_null"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:weather", {"column": "temp", "rate": 0.1, "value": -999})

    value: Scalar = Field(default=-999, description="What stands for nothing, of the column's kind.")

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.values import constant

        return constant(self.value, values.type, len(values), fault=self.name, param="value")

    def typical(self) -> Mapping[str, Sequence[Any]]:
        return {self.column: [self.value, *OTHERS[type(self.value)]]}
