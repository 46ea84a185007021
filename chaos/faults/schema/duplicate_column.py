"""schema.duplicate_column"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.column_rewrite import require_values
from chaos.errors import InvalidFault, Problem
from chaos.fault import ColumnRef, PayloadFault
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.data.ledger import Corruption
    from chaos.gateway.batch import Batch

__all__ = ["DuplicateColumn"]


@register
class DuplicateColumn(PayloadFault):
    """A column comes twice, as after a careless join: the copy stands right behind the original.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"temp": [39.0], "dewp": [26.1]})
    >>> chaos.inject(table, "schema.duplicate_column", column="temp", seed=7).to_pydict()
    {'temp': [39.0], 'temp_1': [39.0], 'dewp': [26.1]}
    """

    reshapes: ClassVar[bool] = True
    reads: ClassVar[bool] = False
    name: ClassVar[str] = "schema.duplicate_column"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"column": "dep_delay"})

    column: Annotated[str, ColumnRef()] = Field(description="The column to repeat.")
    to: str | None = Field(
        default=None, min_length=1, description="The copy's name; by default the column's with _1 behind."
    )

    def corrupt(self, batch: Batch, *, seed: int) -> tuple[Batch, Corruption | None]:
        from chaos.data.column_rewrite import reshaped
        from chaos.data.columns import whole

        require_values(self, batch)
        table, name = batch.table, self.to or f"{self.column}_1"
        if name in batch.names:
            raise InvalidFault(self.name, [Problem("to", f"there is a column {name!r} already")])
        index = table.schema.get_field_index(self.column)
        copy = table.schema.field(index).with_name(name)
        return reshaped(self.name, batch, table.add_column(index + 1, copy, whole(table, self.column)))
