"""freshness.late_part"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.fault import FeedFault, Unit
from chaos.registry import register
from chaos.rng import key64

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from chaos.gateway.batch import Batch, BatchRef

__all__ = ["LatePart"]


@register
class LatePart(FeedFault):
    """Some rows of each batch come late: they are missing from their own batch and stand in a later one.

    Each row of the batches that are made while the fault lasts is held back with probability ``rate``, on its own draw;
    it comes with the first batch that is made at least ``by_s`` later, behind that one's own rows, and says what it
    said: its stamps are those of its own time. A row that is due only after the revert comes no more, except to who
    reads its own batch again, which is whole then: what a consumer took while a fault lasted stays as it was taken.

    >>> import pyarrow as pa
    >>> from chaos.gateway.batch import Batch
    >>> table = pa.table({"flight": list(range(100))})
    >>> batch, moved = LatePart(rate=0.3, by_s=60).compose(Batch.of(table), (), seed=7)
    >>> batch.table.num_rows + moved, 15 < moved < 45
    (100, True)
    """

    name: ClassVar[str] = "freshness.late_part"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"rate": 0.4, "by_s": 3600})

    rate: float = Field(default=0.3, ge=0.0, le=1.0, description="The share of rows that come late.")
    by_s: Annotated[float, Field(gt=0.0, le=31_536_000.0, description="How late they come."), Unit("s")]

    def share(self) -> float:
        return self.rate

    def gather(self, ref: BatchRef, refs: Sequence[BatchRef], *, since: float, seed: int) -> Sequence[BatchRef]:
        before = max((o.published_at for o in refs if o.published_at < ref.published_at), default=float("-inf"))
        due = before - self.by_s, ref.published_at - self.by_s
        return [o for o in refs if o.published_at >= since and due[0] < o.published_at <= due[1]]

    def compose(self, batch: Batch, others: Sequence[Batch], *, seed: int) -> tuple[Batch, int]:
        import numpy as np
        import pyarrow as pa

        from chaos.gateway.pieces import appended

        late = self._late(batch, seed)
        own = batch.with_table(batch.table.filter(pa.array(~late))) if late.any() else batch
        overdue = [other.with_table(other.table.filter(pa.array(self._late(other, seed)))) for other in others]
        whole, came = appended(own, overdue)
        return whole, came + int(np.count_nonzero(late))

    def _late(self, batch: Batch, seed: int) -> NDArray[np.bool_]:
        import numpy as np

        from chaos.data.rows import Positions, select

        rows = batch.table.num_rows
        flags = np.zeros(rows, dtype=bool)
        flags[select(key64(seed, self.name), Positions(batch.ref.first_row, rows), self.rate)] = True
        return flags
