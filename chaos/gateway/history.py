"""Looking back in a feed: which batch was the newest at some time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chaos.gateway.batch import BatchRef


def newest_at(refs: Sequence[BatchRef]) -> Callable[[float], BatchRef]:
    """A function that gives the newest batch of a time (epoch seconds); before the first batch, that one.

    >>> from chaos.gateway.batch import BatchRef
    >>> refs = [BatchRef(str(t), "weather", t, t, t, t, 3, {}, "csv", "") for t in (0, 60, 120)]
    >>> newest = newest_at(refs)
    >>> [newest(at).batch_id for at in (-5, 0, 119, 500)]
    ['0', '0', '60', '120']
    """
    ordered = sorted(refs, key=lambda ref: ref.published_at)
    times = [ref.published_at for ref in ordered]

    def newest(at: float) -> BatchRef:
        return ordered[max(bisect_right(times, at) - 1, 0)]

    return newest
