"""schema.change_type"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from chaos.data.column_fault import require_columns
from chaos.fault import ColumnRef, PayloadFault
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.data.ledger import Corruption
    from chaos.gateway.batch import Batch

__all__ = ["ChangeType"]


@register
class ChangeType(PayloadFault):
    """A producer writes a column in another type.

    ``text``: as text; ``text_comma``: as text with a decimal comma; ``integer``: fractions are dropped;
    ``float``: whole numbers get a fraction part. What has no value in the new type becomes null.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"temp": [39.5]})
    >>> chaos.inject(table, "schema.change_type", column="temp", to="text_comma", seed=7).to_pydict()
    {'temp': ['39,5']}
    """

    name: ClassVar[str] = "schema.change_type"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"column": "temp", "to": "text_comma"},
    )

    column: Annotated[str, ColumnRef()] = Field(description="The column to change.")
    to: Literal["text", "text_comma", "integer", "float"] = Field(default="text", description="What it becomes.")

    def corrupt(self, batch: Batch, *, seed: int) -> tuple[Batch, Corruption | None]:
        import numpy as np
        import pyarrow as pa

        from chaos.data.casts import cast
        from chaos.data.columns import whole
        from chaos.data.ledger import ColumnReplaced, Corruption

        require_columns(self, batch)
        table, rows = batch.table, batch.table.num_rows
        old = whole(table, self.column)
        new = cast(old, self.to)
        if new.type == old.type:
            return batch, Corruption(self.name, rows, rows, rows, 0)
        index = table.schema.get_field_index(self.column)
        field = table.schema.field(index)
        hit = np.flatnonzero(old.is_valid().to_numpy(zero_copy_only=False))
        step = ColumnReplaced(field, table.column(index), hit)
        changed = table.set_column(index, pa.field(field.name, new.type), new)
        return batch.with_table(changed), Corruption(self.name, rows, rows, rows, len(hit), (step,))
