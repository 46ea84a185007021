"""data.shifted_rows"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.column_fault import ColumnFault, Context
from chaos.fault import Unit
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["ShiftedRows"]


@register
class ShiftedRows(ColumnFault):
    """A column's values stand some rows too low: two files were pasted together one line off.

    The first rows get null. A value comes from the same batch: where a batch begins, the shift begins anew.

    >>> import pyarrow as pa, chaos
    >>> chaos.inject(pa.table({"temp": [1.0, 2.0, 3.0]}), "data.shifted_rows", column="temp", seed=7).to_pydict()
    {'temp': [None, 1.0, 2.0]}
    """

    name: ClassVar[str] = "data.shifted_rows"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:weather", {"column": "temp", "by": 1})

    rate: float = Field(
        default=1.0, ge=0.0, le=1.0, description="The share of rows to hit, of those that `where` leaves."
    )
    by: Annotated[int, Unit("rows")] = Field(default=1, ge=1, le=1_000_000_000, description="How many rows too low.")

    def context(self) -> Context:
        return "batch"

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        import numpy as np
        import pyarrow as pa

        from chaos.data.groups import taking

        nothing = pa.nulls(len(values), values.type)
        return taking(nothing, victims, self.column, np.maximum(victims.rows - self.by, -1))
