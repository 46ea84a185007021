"""freshness.out_of_order"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.fault import FeedFault, Unit
from chaos.registry import register
from chaos.rng import uniform

if TYPE_CHECKING:
    from chaos.gateway.batch import BatchRef

__all__ = ["OutOfOrder"]


@register
class OutOfOrder(FeedFault):
    """Batches overtake each other: some appear only after the next ones. Nothing is lost and every stamp is true.

    A share of the batches that are made while the fault lasts is held back, each on its own draw, until ``places``
    later ones have been published.

    >>> from chaos.gateway.batch import BatchRef
    >>> refs = [BatchRef(str(n), "weather", n, n, n, 60.0 * n, 3, {}, "csv", "") for n in range(5)]
    >>> made = OutOfOrder(share_of_batches=0.5, places=2).deliver(refs, now=240, since=30, seed=11)
    >>> [ref.batch_id for ref in made]
    ['0', '1', '2', '4']
    """

    name: ClassVar[str] = "freshness.out_of_order"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"share_of_batches": 0.3, "places": 3})

    share_of_batches: float = Field(default=0.3, ge=0.0, le=1.0, description="How many batches are held back.")
    places: Annotated[
        int, Field(default=1, ge=1, le=1000, description="How many later batches go first."), Unit("batches")
    ]

    def share(self) -> float:
        return self.share_of_batches

    def deliver(self, refs: Sequence[BatchRef], *, now: float, since: float, seed: int) -> Sequence[BatchRef]:
        made = sorted(ref.published_at for ref in refs)
        return [ref for ref in refs if not self._held(ref, made, since, seed)]

    def _held(self, ref: BatchRef, made: Sequence[float], since: float, seed: int) -> bool:
        if ref.published_at <= since or uniform(seed, self.name, ref.batch_id) >= self.share_of_batches:
            return False
        return sum(at > ref.published_at for at in made[-self.places :]) < self.places
