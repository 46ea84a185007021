"""volume.missing_partitions"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.column_rewrite import require_values
from chaos.fault import ColumnRef, PayloadFault
from chaos.registry import register
from chaos.rng import uniform

if TYPE_CHECKING:
    from chaos.gateway.batch import Batch, BatchRef

__all__ = ["MissingPartitions"]


@register
class MissingPartitions(PayloadFault):
    """A share of the partitions never comes.

    Without ``column`` a partition is a batch: some of those made while the fault lasts are never listed. With it, the
    rows of one value are a partition: the same values are missing from every batch, as if some of the producer's
    workers were gone. Which ones is drawn from the seed; the share is met on average.

    >>> from chaos.gateway.batch import BatchRef
    >>> refs = [BatchRef(str(n), "weather", n, n, n, 60.0 * n, 3, {}, "csv", "") for n in range(8)]
    >>> [ref.batch_id for ref in MissingPartitions(fraction=0.5).deliver(refs, now=500, since=90, seed=2)]
    ['0', '1', '4', '5']
    """

    name: ClassVar[str] = "volume.missing_partitions"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"fraction": 0.5, "column": "carrier"})

    fraction: float = Field(default=0.5, ge=0.0, le=1.0, description="The share of partitions that is missing.")
    column: Annotated[str | None, ColumnRef()] = Field(
        default=None, description="The column whose values are the partitions; by default each batch is one."
    )

    def share(self) -> float:
        return self.fraction

    def deliver(self, refs: Sequence[BatchRef], *, now: float, since: float, seed: int) -> Sequence[BatchRef]:
        if self.column is not None:
            return refs
        return [ref for ref in refs if ref.published_at <= since or not self._missing(ref.batch_id, seed)]

    def compose(self, batch: Batch, others: Sequence[Batch], *, seed: int) -> tuple[Batch, int]:
        import pyarrow as pa
        import pyarrow.compute as pc

        from chaos.data.columns import whole

        if self.column is None:
            return batch, 0
        require_values(self, batch)
        values = whole(batch.table, self.column)
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        coded = values.dictionary_encode(null_encoding="encode")
        gone = pa.array([self._missing(value, seed) for value in coded.dictionary.to_pylist()], pa.bool_())
        kept = batch.table.filter(pc.invert(gone.take(coded.indices)))
        rows = batch.table.num_rows - kept.num_rows
        return (batch.with_table(kept), rows) if rows else (batch, 0)

    def _missing(self, partition: object, seed: int) -> bool:
        return uniform(seed, self.name, partition) < self.fraction
