"""How a feed is cut into batches: rows of several batches in one."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from chaos.errors import PayloadError
from chaos.gateway.batch import ABSENT, Batch


def appended(batch: Batch, others: Sequence[Batch]) -> tuple[Batch, int]:
    """The batch with the rows of others behind its own, in its own columns; and how many rows came.

    A column that a batch lacks is null there. Raises `PayloadError` if the types of a column cannot be reconciled.

    >>> one, two = (Batch.of(pa.table({"flight": rows})) for rows in ([1, 2], [3]))
    >>> made, came = appended(one, [two])
    >>> made.table["flight"].to_pylist(), came
    ([1, 2, 3], 1)
    """
    more = [other.table for other in others if other.table.num_rows]
    if not more:
        return batch, 0
    fields = {f.name: f for f in batch.table.schema}
    notes = [table for table in (batch.table, *more) if ABSENT in table.schema.names]
    tables = [_plain(table, notes) for table in (batch.table, *more)]
    try:
        joined = pa.concat_tables(tables, promote_options="permissive").combine_chunks()
    except pa.ArrowException as error:
        raise PayloadError(f"batch {batch.ref.batch_id!r} cannot take rows of another one: {error}") from None
    schema = [f.with_metadata(fields[f.name].metadata) if f.name in fields else f for f in joined.schema]
    came = sum(table.num_rows for table in more)
    return batch.with_table(joined.cast(pa.schema(schema, batch.table.schema.metadata))), came


def _plain(table: pa.Table, notes: Sequence[pa.Table]) -> pa.Table:
    """Without metadata, which may differ; without the note of absent fields where the numbers mean other columns."""
    if notes and ABSENT in table.schema.names and any(n.schema.names != notes[0].schema.names for n in notes):
        table = table.drop_columns([ABSENT])
    return table.cast(pa.schema([f.remove_metadata() for f in table.schema]))
