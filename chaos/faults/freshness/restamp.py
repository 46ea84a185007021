"""freshness.restamp"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.column_fault import require_columns
from chaos.data.column_rewrite import replace_column
from chaos.fault import ColumnKind, ColumnRef, PayloadFault, Unit
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.data.ledger import Corruption
    from chaos.gateway.batch import Batch, BatchRef

__all__ = ["Restamp"]


@register
class Restamp(PayloadFault):
    """Right stamps on old data: each new batch holds what was true ``age_s`` ago, and says that it is of now.

    Manifest and window are the new batch's own. With ``columns`` the times in the rows are moved up as well, so that
    nothing but the values gives it away. Where the source lists nothing that old, the oldest batch that it does
    list is taken.

    >>> from chaos.gateway.batch import BatchRef
    >>> refs = [BatchRef(str(t), "weather", t, t, t + 60, t + 60, 3, {}, "csv", "") for t in (0, 60, 120)]
    >>> made = Restamp(age_s=120).deliver(refs, now=200, since=150, seed=7)
    >>> [(ref.batch_id, ref.window_start, ref.source_id) for ref in made]
    [('0', 0, None), ('60', 60, None), ('120', 120, '0')]
    """

    name: ClassVar[str] = "freshness.restamp"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"age_s": 21600, "columns": ["observed_at"]},
    )

    age_s: Annotated[
        float, Field(default=86_400.0, gt=0.0, le=31_536_000.0, description="How old the data is."), Unit("s")
    ]
    columns: Annotated[tuple[str, ...], ColumnRef(ColumnKind.TIME)] = Field(
        default=(), description="Columns of times to move up by the data's age."
    )

    def deliver(self, refs: Sequence[BatchRef], *, now: float, since: float, seed: int) -> Sequence[BatchRef]:
        return [self._restamped(ref, refs) if ref.published_at > since else ref for ref in refs]

    def _restamped(self, ref: BatchRef, refs: Sequence[BatchRef]) -> BatchRef:
        older = [other for other in refs if other.published_at <= ref.published_at - self.age_s]
        old = max(older, key=lambda other: other.published_at, default=min(refs, key=lambda other: other.published_at))
        return ref if old is ref else ref.holding(old)

    def corrupt(self, batch: Batch, *, seed: int) -> tuple[Batch, Corruption | None]:
        from chaos.data.columns import plain, whole
        from chaos.data.ledger import Corruption
        from chaos.data.time_shift import shifted

        require_columns(self, batch)
        rows = batch.table.num_rows
        total = Corruption(self.name, rows, rows, rows, 0)
        for column in self.columns:
            moved = shifted(plain(whole(batch.table, column)), batch.ref.source_age_s)
            batch, ledger = replace_column(self.name, batch, column, moved)
            total = replace(total, changed=total.changed + ledger.changed, steps=(*total.steps, *ledger.steps))
        return batch, total
