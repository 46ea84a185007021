"""freshness.duplicate"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from chaos.fault import FeedFault
from chaos.registry import register
from chaos.rng import uniform

if TYPE_CHECKING:
    from chaos.gateway.batch import Batch, BatchRef

__all__ = ["Duplicate"]


@register
class Duplicate(FeedFault):
    """The same data is delivered twice, as at-least-once delivery does after a retry.

    ``listing``: a batch is listed twice; ``renamed``: a second time under another id, as from a producer that was run
    again; ``rows``: the next batch has the rows of the one before as well. A share of the batches that are made while
    the fault lasts is repeated, each on its own draw.

    >>> from chaos.gateway.batch import BatchRef
    >>> refs = [BatchRef(str(n), "flights", n, n, n, 60.0 * n, 3, {}, "json", "") for n in range(3)]
    >>> made = Duplicate(how="renamed", share_of_batches=1.0).deliver(refs, now=240, since=90, seed=7)
    >>> [(ref.batch_id, ref.sequence) for ref in made]
    [('0', 0), ('1', 1), ('2', 2), ('2-again', 2)]
    """

    name: ClassVar[str] = "freshness.duplicate"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"how": "renamed"})

    how: Literal["listing", "renamed", "rows"] = Field(default="renamed", description="In what form.")
    share_of_batches: float = Field(default=1.0, ge=0.0, le=1.0, description="How many batches come twice.")

    def share(self) -> float:
        return self.share_of_batches

    def deliver(self, refs: Sequence[BatchRef], *, now: float, since: float, seed: int) -> Sequence[BatchRef]:
        if self.how == "rows":
            return refs
        listed = []
        for ref in refs:
            listed.append(ref)
            if self._repeated(ref, since, seed):
                listed.append(self._again(ref))
        return listed

    def gather(self, ref: BatchRef, refs: Sequence[BatchRef], *, since: float, seed: int) -> Sequence[BatchRef]:
        if self.how != "rows":
            return ()
        before = max((o for o in refs if o.sequence < ref.sequence), key=lambda o: o.sequence, default=None)
        return (before,) if before is not None and self._repeated(before, since, seed) else ()

    def compose(self, batch: Batch, others: Sequence[Batch], *, seed: int) -> tuple[Batch, int]:
        from chaos.gateway.pieces import appended

        return appended(batch, others)

    def _repeated(self, ref: BatchRef, since: float, seed: int) -> bool:
        return ref.published_at > since and uniform(seed, self.name, ref.batch_id) < self.share_of_batches

    def _again(self, ref: BatchRef) -> BatchRef:
        if self.how == "listing":
            return ref
        return replace(ref, batch_id=f"{ref.batch_id}-again", source_id=ref.source_id or ref.batch_id)
