"""schema.rename_column"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_rewrite import require_values
from chaos.errors import InvalidFault, Problem
from chaos.fault import ColumnRef, PayloadFault
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.data.ledger import Corruption
    from chaos.gateway.batch import Batch

__all__ = ["RenameColumn"]


@register
class RenameColumn(PayloadFault):
    """A producer renames a column without telling anybody; place, type and values stay.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"temp": [39.0]})
    >>> chaos.inject(table, "schema.rename_column", column="temp", to="temp_f", seed=7).column_names
    ['temp_f']
    """

    reads: ClassVar[bool] = False
    name: ClassVar[str] = "schema.rename_column"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"column": "temp", "to": "temperature"},
    )

    column: Annotated[str, ColumnRef()] = Field(description="The column to rename.")
    to: str = Field(min_length=1, description="Its new name.")

    @model_validator(mode="after")
    def _another_name(self) -> RenameColumn:
        if self.to == self.column:
            raise ValueError(f"expected 'to' to be another name than the column's own, got {self.to!r}")
        return self

    def corrupt(self, batch: Batch, *, seed: int) -> tuple[Batch, Corruption | None]:
        from chaos.data.ledger import ColumnRenamed, Corruption, rename

        require_values(self, batch)
        if self.to in batch.table.schema.names:
            raise InvalidFault(self.name, [Problem("to", f"there is a column {self.to!r} already")])
        rows = batch.table.num_rows
        ledger = Corruption(self.name, rows, rows, rows, 0, (ColumnRenamed(self.column, self.to),))
        return batch.with_table(rename(batch.table, self.column, self.to)), ledger
