"""freshness.restamp"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.column_rewrite import replace_column, require_values
from chaos.fault import ColumnKind, ColumnRef, PayloadFault, Unit
from chaos.gateway.history import newest_at
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
    list is taken. What is in a frame counts as that old.

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
        newest = newest_at(refs)
        return [self._holding(newest, ref) if ref.published_at > since else ref for ref in refs]

    def _holding(self, newest: Callable[[float], BatchRef], ref: BatchRef) -> BatchRef:
        old = newest(ref.published_at - self.age_s)
        return ref if old is ref else ref.holding(old)

    def corrupt(self, batch: Batch, *, seed: int) -> tuple[Batch, Corruption | None]:
        from chaos.data.columns import plain, whole
        from chaos.data.ledger import Corruption
        from chaos.data.time_shift import shifted

        require_values(self, batch)
        age_s = batch.ref.source_age_s if batch.ref.batch_id else self.age_s  # a frame comes without a manifest
        if not age_s:
            return batch, None  # its own data, which is as old as it says
        rows = batch.table.num_rows
        total = Corruption(self.name, rows, rows, rows, 0)
        for column in self.columns:
            moved = shifted(plain(whole(batch.table, column)), age_s)
            batch, ledger = replace_column(self.name, batch, column, moved)
            total = replace(total, changed=total.changed + ledger.changed, steps=(*total.steps, *ledger.steps))
        return batch, total
