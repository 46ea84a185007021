"""freshness.skew_stamps"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.data.column_rewrite import replace_column, require_values
from chaos.fault import ColumnKind, ColumnRef, PayloadFault, Unit
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.data.ledger import Corruption
    from chaos.gateway.batch import Batch, BatchRef

__all__ = ["SkewStamps"]


@register
class SkewStamps(PayloadFault):
    """A producer's clock is wrong: what it stamps lies in the future or in the past. Two feeds may be skewed apart.

    ``produced_at`` of the manifest is off and, with ``columns``, the times in the rows; batches appear when they always
    did. ``drift_s_per_h`` lets the error grow (or shrink) while the fault lasts.

    >>> from chaos.gateway.batch import BatchRef
    >>> refs = [BatchRef(str(t), "flights", t, t, t, t, 3, {}, "json", "") for t in (0, 3600)]
    >>> made = SkewStamps(by_s=-600).deliver(refs, now=4000, since=1800, seed=7)
    >>> [ref.produced_at for ref in made]
    [0, 3000.0]
    """

    name: ClassVar[str] = "freshness.skew_stamps"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"by_s": 5400, "columns": ["observed_at"]},
    )

    by_s: Annotated[
        float,
        Field(ge=-31_536_000.0, le=31_536_000.0, description="How far the clock is ahead; below 0 it is behind."),
        Unit("s"),
    ]
    drift_s_per_h: Annotated[
        float,
        Field(
            default=0.0,
            ge=-3600.0,
            le=3600.0,
            description="How much further ahead it gets in an hour; stamps of manifests only.",
        ),
        Unit("s/h"),
    ]
    columns: Annotated[tuple[str, ...], ColumnRef(ColumnKind.TIME)] = Field(
        default=(), description="Columns of times that the producer stamps itself."
    )

    def deliver(self, refs: Sequence[BatchRef], *, now: float, since: float, seed: int) -> Sequence[BatchRef]:
        return [self._skewed(ref, since) if ref.published_at > since else ref for ref in refs]

    def _skewed(self, ref: BatchRef, since: float) -> BatchRef:
        error_s = self.by_s + self.drift_s_per_h * (ref.published_at - since) / 3600.0
        if not error_s:
            return ref
        return replace(ref, produced_at=ref.produced_at + error_s, made_at=ref.published_at)

    def corrupt(self, batch: Batch, *, seed: int) -> tuple[Batch, Corruption | None]:
        from chaos.data.columns import plain, whole
        from chaos.data.ledger import Corruption
        from chaos.data.time_shift import shifted

        require_values(self, batch)
        rows = batch.table.num_rows
        total = Corruption(self.name, rows, rows, rows, 0)
        for column in self.columns:
            moved = shifted(plain(whole(batch.table, column)), self.by_s)
            batch, ledger = replace_column(self.name, batch, column, moved)
            total = replace(total, changed=total.changed + ledger.changed, steps=(*total.steps, *ledger.steps))
        return batch, total
