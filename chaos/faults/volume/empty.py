"""volume.empty"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from chaos.fault import PayloadFault
from chaos.registry import register
from chaos.rng import uniform

if TYPE_CHECKING:
    from chaos.gateway.batch import Batch, BatchRef

__all__ = ["Empty"]


@register
class Empty(PayloadFault):
    """Batches arrive on time with nothing in them.

    ``no_rows``: a well-formed file without a row, as from a query that found nothing; ``no_bytes``: a file of 0 bytes,
    as from a job that died before it wrote.

    >>> import pyarrow as pa
    >>> from chaos.gateway.batch import Batch
    >>> batch, gone = Empty().compose(Batch.of(pa.table({"temp": [39.0, 41.0]})), (), seed=7)
    >>> batch.table.to_pydict(), gone
    ({'temp': []}, 2)
    """

    name: ClassVar[str] = "volume.empty"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:weather", {"file": "no_rows"})

    file: Literal["no_rows", "no_bytes"] = Field(default="no_rows", description="What is left of the file.")
    share_of_batches: float = Field(default=1.0, ge=0.0, le=1.0, description="How many batches are hit, each drawn.")

    def share(self) -> float:
        return self.share_of_batches

    def compose(self, batch: Batch, others: Sequence[Batch], *, seed: int) -> tuple[Batch, int]:
        rows = batch.table.num_rows
        if self.file == "no_bytes" or not rows or not self._hit(batch.ref, seed):
            return batch, 0
        return batch.with_table(batch.table.slice(0, 0)), rows

    def mangle(self, payload: bytes, ref: BatchRef, *, seed: int) -> bytes:
        return b"" if self.file == "no_bytes" and self._hit(ref, seed) else payload

    def _hit(self, ref: BatchRef, seed: int) -> bool:
        return uniform(seed, self.name, ref.batch_id) < self.share_of_batches
