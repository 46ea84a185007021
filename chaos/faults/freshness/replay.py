"""freshness.replay"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.fault import FeedFault, Unit
from chaos.gateway.history import newest_at
from chaos.registry import register
from chaos.rng import uniform

if TYPE_CHECKING:
    from chaos.gateway.batch import BatchRef

__all__ = ["Replay"]


@register
class Replay(FeedFault):
    """An old partition is published again in the place of a new one: its window and its data, under a new id.

    A share of the batches that are made while the fault lasts is hit, each on its own draw. Where the source lists
    nothing that old, the oldest batch that it does list is taken.

    >>> from chaos.gateway.batch import BatchRef
    >>> refs = [BatchRef(str(t), "weather", t, t, t + 60, t + 60, 3, {}, "csv", "") for t in (0, 60, 120)]
    >>> made = Replay(age_s=120, share_of_batches=1.0).deliver(refs, now=200, since=150, seed=7)
    >>> [(ref.batch_id, ref.window_start, ref.source_id) for ref in made]
    [('0', 0, None), ('60', 60, None), ('120', 0, '0')]
    """

    name: ClassVar[str] = "freshness.replay"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:weather", {"age_s": 14400})

    age_s: Annotated[
        float, Field(default=86_400.0, gt=0.0, le=31_536_000.0, description="How old the partition is."), Unit("s")
    ]
    share_of_batches: float = Field(default=1.0, ge=0.0, le=1.0, description="How many batches are replaced.")

    def share(self) -> float:
        return self.share_of_batches

    def deliver(self, refs: Sequence[BatchRef], *, now: float, since: float, seed: int) -> Sequence[BatchRef]:
        newest = newest_at(refs)
        return [
            self._holding(newest(ref.published_at - self.age_s), ref) if self._hit(ref, since, seed) else ref
            for ref in refs
        ]

    def _hit(self, ref: BatchRef, since: float, seed: int) -> bool:
        return ref.published_at > since and uniform(seed, self.name, ref.batch_id) < self.share_of_batches

    def _holding(self, old: BatchRef, ref: BatchRef) -> BatchRef:
        if old is ref:
            return ref
        return replace(ref.holding(old), window_start=old.window_start, window_end=old.window_end)
