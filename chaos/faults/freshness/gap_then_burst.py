"""freshness.gap_then_burst"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.fault import FeedFault, Unit
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.gateway.batch import BatchRef

__all__ = ["GapThenBurst"]


@register
class GapThenBurst(FeedFault):
    """Nothing arrives for a while, then everything at once; with ``repeat`` again and again.

    >>> from chaos.gateway.batch import BatchRef
    >>> refs = [BatchRef(str(t), "flights", t, t, t, t, 3, {}, "json", "") for t in (0, 60, 120, 180)]
    >>> gap = GapThenBurst(gap_s=100)
    >>> [[ref.batch_id for ref in gap.deliver(refs, now=now, since=30, seed=7)] for now in (120, 130, 230)]
    [['0'], ['0', '60', '120'], ['0', '60', '120', '180']]
    """

    name: ClassVar[str] = "freshness.gap_then_burst"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"gap_s": 7200})

    gap_s: Annotated[float, Field(gt=0.0, le=31_536_000.0, description="How long nothing arrives."), Unit("s")]
    repeat: bool = Field(default=True, description="Start another gap after each burst.")

    def deliver(self, refs: Sequence[BatchRef], *, now: float, since: float, seed: int) -> Sequence[BatchRef]:
        bursts = int((now - since) // self.gap_s)
        if not self.repeat and bursts:
            return refs
        last = since + max(bursts, 0) * self.gap_s
        return [ref for ref in refs if ref.published_at <= last]
