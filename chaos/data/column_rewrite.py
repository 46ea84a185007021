"""The base of faults that write a whole column in another way."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from chaos.data.column_fault import require
from chaos.fault import ColumnRef, PayloadFault

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.ledger import Corruption
    from chaos.data.rows import I64
    from chaos.gateway.batch import Batch


class ColumnRewrite(PayloadFault):
    """Every value goes through the same function; nothing is drawn."""

    column: Annotated[str, ColumnRef()] = Field(description="The column to change.")

    @abstractmethod
    def rewrite(self, values: pa.Array) -> pa.Array:
        """The column's values in the new form, of a type that does not depend on them; never a dictionary."""

    def corrupt(self, batch: Batch, *, seed: int) -> tuple[Batch, Corruption | None]:
        from chaos.data.columns import plain, whole  # here: validating a scenario needs no pyarrow

        require_values(self, batch)
        values, digits = plain(whole(batch.table, self.column)), batch.digits.get(self.column)
        if str(values.type) == "null":
            new = values  # no value, nothing to rewrite
        elif digits is None or self.rewrite(values[:0]).type == values.type:
            new = self.rewrite(values)
        else:
            new = self._rewritten_apart(values, digits)
        return replace_column(self.name, batch, self.column, new)

    def _rewritten_apart(self, values: pa.Array, digits: I64) -> pa.Array:
        """What each decimal becomes with the digits that it has, and not those of the longest that comes with it."""
        import numpy as np
        import pyarrow as pa

        from chaos.data.decimals import ROOM

        parts, places = [], []
        for count in np.unique(digits).tolist():
            rows = np.flatnonzero(digits == count)
            alike = values.take(pa.array(rows)).cast(pa.decimal128(38, ROOM if count < 0 else count))
            parts.append(self.rewrite(alike))
            places.append(rows)
        return pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(places))))


def require_values(fault: PayloadFault, batch: Batch) -> None:
    """Raises `InvalidFault` if the batch lacks a column that the fault names, or its values are of another type."""
    from chaos.data.source import TableCells

    require(fault, TableCells(batch.table))


def reshaped(fault: str, batch: Batch, table: pa.Table) -> tuple[Batch, Corruption]:
    """The batch with other columns and the ledger; nothing is on it if it is the same table."""
    import numpy as np

    from chaos.data.ledger import Corruption, TableReplaced

    rows = batch.table.num_rows
    if table is batch.table:
        return batch, Corruption(fault, rows, rows, rows, 0)
    step = TableReplaced(batch.table, np.arange(0))
    return batch.with_table(table), Corruption(fault, rows, rows, rows, 0, (step,))


def replace_column(
    fault: str, batch: Batch, column: str, new: pa.Array, *, selected: int | None = None
) -> tuple[Batch, Corruption]:
    """The batch with other values in a column and the ledger; the very same batch if they are no others."""
    import numpy as np
    import pyarrow as pa

    from chaos.data.columns import differs, is_text, plain, whole
    from chaos.data.ledger import ColumnReplaced, Corruption
    from chaos.gateway.batch import DECLARED

    table = batch.table
    rows = chosen = table.num_rows
    if selected is not None:
        chosen = selected
    index = table.schema.get_field_index(column)
    field, old = table.schema.field(index), plain(whole(table, column))
    if is_text(new.type) and is_text(old.type):
        new = new.cast(old.type)  # as wide as the text was
    if new.type == old.type:
        hit = np.flatnonzero(differs(old, new))
        if not len(hit):
            return batch, Corruption(fault, rows, chosen, chosen, 0)
        changed = field.with_type(new.type)
    else:
        hit = np.flatnonzero(old.is_valid().to_numpy(zero_copy_only=False))
        kept = {k: v for k, v in (field.metadata or {}).items() if k != DECLARED}
        changed = pa.field(column, new.type, metadata=kept or None)
    if new.null_count and not changed.nullable:
        changed = changed.with_nullable(True)
    step = ColumnReplaced(field, table.column(index), hit)
    return batch.with_table(table.set_column(index, changed, new)), Corruption(
        fault, rows, chosen, chosen, len(hit), (step,)
    )
