"""freshness.delay"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from chaos.fault import FeedFault, Unit
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.gateway.batch import BatchRef

__all__ = ["Delay"]


@register
class Delay(FeedFault):
    """Each batch that is made while the fault lasts appears later than it should. Its stamps stay true.

    >>> from chaos.gateway.batch import BatchRef
    >>> refs = [BatchRef(str(t), "weather", t, t, t, t, 3, {}, "csv", "") for t in (0, 60, 120)]
    >>> [ref.batch_id for ref in Delay(by_s=30).deliver(refs, now=100, since=10, seed=7)]
    ['0', '60']
    """

    name: ClassVar[str] = "freshness.delay"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"by_s": 3600})

    by_s: Annotated[float, Field(gt=0.0, le=31_536_000.0, description="How much later a batch appears."), Unit("s")]

    def deliver(self, refs: Sequence[BatchRef], *, now: float, since: float, seed: int) -> Sequence[BatchRef]:
        return [ref for ref in refs if ref.published_at <= since or ref.published_at + self.by_s <= now]
