"""volume.burst"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.column_rewrite import require_values
from chaos.errors import InvalidFault, Problem
from chaos.fault import ColumnKind, ColumnRef, PayloadFault
from chaos.registry import register

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from chaos.gateway.batch import Batch

__all__ = ["Burst"]

#: A batch is made in memory: more rows than this would be a fault of the gateway, not of the feed.
_ROWS_MAX = 5_000_000


@register
class Burst(PayloadFault):
    """Batches are many times as large as they should be: each row comes ``factor`` times.

    If the factor is no whole number, it is met on average. With ``fresh`` the copies look like rows of their own: that
    text column (a row's id) ends in ``-2``, ``-3`` and so on.

    >>> import pyarrow as pa
    >>> from chaos.gateway.batch import Batch
    >>> batch, more = Burst(factor=3, fresh="id").compose(Batch.of(pa.table({"id": ["a"]})), (), seed=7)
    >>> batch.table["id"].to_pylist(), more
    (['a', 'a-2', 'a-3'], 2)
    """

    name: ClassVar[str] = "volume.burst"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"factor": 5, "fresh": "flight_id"})

    factor: Annotated[float, Field(default=10.0, gt=1.0, le=1000.0, description="How many times the rows.")]
    fresh: Annotated[str | None, ColumnRef(ColumnKind.TEXT)] = Field(
        default=None, description="A column of ids that the copies get new ones in."
    )

    def compose(self, batch: Batch, others: Sequence[Batch], *, seed: int) -> tuple[Batch, int]:
        import numpy as np
        import pyarrow as pa

        require_values(self, batch)
        rows = batch.table.num_rows
        times = self._times(batch, seed)
        total = int(times.sum())
        if total == rows:
            return batch, 0
        if total > _ROWS_MAX:
            what = f"would make {total} rows of {rows}; the gateway holds at most {_ROWS_MAX}"
            raise InvalidFault(self.name, [Problem("factor", what)])
        order = np.repeat(np.arange(rows), times)
        table = batch.table.take(pa.array(order))
        if self.fresh is not None:
            index = table.schema.get_field_index(self.fresh)
            ids = _numbered(table.column(index), order)
            table = table.set_column(index, table.schema.field(index).with_type(ids.type), ids)
        return batch.with_table(table.combine_chunks()), total - rows

    def _times(self, batch: Batch, seed: int) -> NDArray[np.int64]:
        import numpy as np

        from chaos.data.rows import Positions, select
        from chaos.rng import key64

        rows, whole = batch.table.num_rows, int(self.factor)
        times = np.full(rows, whole, dtype=np.int64)
        ids = Positions(batch.ref.first_row, rows)
        times[select(key64(seed, self.name), ids, self.factor - whole)] += 1
        return times


def _numbered(column: pa.ChunkedArray, order: NDArray[np.int64]) -> pa.Array:
    """The ids, those of the second and later copies with a number behind."""
    import numpy as np
    import pyarrow as pa

    starts = np.flatnonzero(np.concatenate([[True], order[1:] != order[:-1]]))
    copy = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    texts = [
        value if value is None or not number else f"{value}-{number + 1}"
        for value, number in zip(column.to_pylist(), copy.tolist(), strict=True)
    ]
    return pa.array(texts, pa.string())
