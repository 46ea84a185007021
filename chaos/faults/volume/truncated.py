"""volume.truncated"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from chaos.fault import PayloadFault
from chaos.registry import register
from chaos.rng import uniform

if TYPE_CHECKING:
    from chaos.gateway.batch import Batch

__all__ = ["Truncated"]


@register
class Truncated(PayloadFault):
    """Batches end early, at the end of a row: a well-formed file with only the first rows in it, as behind a row limit.

    >>> import pyarrow as pa
    >>> from chaos.gateway.batch import Batch
    >>> batch, gone = Truncated(keep=0.25).compose(Batch.of(pa.table({"flight": list(range(8))})), (), seed=7)
    >>> batch.table["flight"].to_pylist(), gone
    ([0, 1], 6)
    """

    name: ClassVar[str] = "volume.truncated"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"keep": 0.5})

    keep: float = Field(default=0.5, ge=0.0, le=1.0, description="The share of rows that is left, rounded up.")
    share_of_batches: float = Field(default=1.0, ge=0.0, le=1.0, description="How many batches are hit, each drawn.")

    def share(self) -> float:
        return min(self.share_of_batches, 1.0 - self.keep)

    def compose(self, batch: Batch, others: Sequence[Batch], *, seed: int) -> tuple[Batch, int]:
        rows = batch.table.num_rows
        left = ceil(rows * self.keep)
        if left == rows or uniform(seed, self.name, batch.ref.batch_id) >= self.share_of_batches:
            return batch, 0
        return batch.with_table(batch.table.slice(0, left)), rows - left
