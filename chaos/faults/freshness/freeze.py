"""freshness.freeze"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from chaos.fault import FeedFault
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.gateway.batch import BatchRef

__all__ = ["Freeze"]


@register
class Freeze(FeedFault):
    """A source stands still: nothing newer than the fault's beginning arrives.

    With ``republish`` batches keep coming, rightly stamped, but each holds the data of the last one before the
    fault: freshness checks on stamps see nothing. (`freshness.restamp` moves the stamps in the rows too.)

    >>> from chaos.gateway.batch import BatchRef
    >>> refs = [BatchRef(str(t), "weather", t, t, t, t, 3, {}, "csv", "") for t in (0, 60, 120)]
    >>> [ref.batch_id for ref in Freeze().deliver(refs, now=130, since=60, seed=7)]
    ['0', '60']
    >>> [(ref.batch_id, ref.source_id) for ref in Freeze(republish=True).deliver(refs, now=130, since=60, seed=7)]
    [('0', None), ('60', None), ('120', '60')]
    """

    name: ClassVar[str] = "freshness.freeze"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:weather", {})

    republish: bool = Field(default=False, description="Go on publishing, with right stamps on old data.")

    def deliver(self, refs: Sequence[BatchRef], *, now: float, since: float, seed: int) -> Sequence[BatchRef]:
        old = [ref for ref in refs if ref.published_at <= since]
        if not self.republish or not old:
            return old
        last = max(old, key=lambda ref: (ref.published_at, ref.sequence))
        return [ref if ref.published_at <= since else ref.holding(last) for ref in refs]
