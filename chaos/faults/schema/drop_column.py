"""schema.drop_column"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.column_rewrite import require_values
from chaos.fault import ColumnRef, PayloadFault
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.data.ledger import Corruption
    from chaos.gateway.batch import Batch

__all__ = ["DropColumn"]


@register
class DropColumn(PayloadFault):
    """A producer stops sending a column.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"temp": [39.0], "dewp": [26.1]})
    >>> chaos.inject(table, "schema.drop_column", column="temp", seed=7).column_names
    ['dewp']
    """

    reads: ClassVar[bool] = False
    name: ClassVar[str] = "schema.drop_column"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:weather", {"column": "wind_speed"})

    column: Annotated[str, ColumnRef()] = Field(description="The column to leave out.")

    def corrupt(self, batch: Batch, *, seed: int) -> tuple[Batch, Corruption | None]:
        from chaos.data.ledger import ColumnDropped, Corruption

        require_values(self, batch)
        table = batch.table
        index = table.schema.get_field_index(self.column)
        step = ColumnDropped(index, table.schema.field(index), table.column(index))
        ledger = Corruption(self.name, table.num_rows, table.num_rows, table.num_rows, 0, (step,))
        return batch.with_table(table.remove_column(index)), ledger
