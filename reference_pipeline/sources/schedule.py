"""When batches appear: pure arithmetic between sequences, windows and publication times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from math import floor

from reference_pipeline.sources.feeds import DATA_EPOCH, Feed


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rhythm of one feed. Sequences are absolute, so a cursor survives a restart on either side.

    ``seed`` moves each publication by its own few seconds.

    >>> from reference_pipeline.sources.feeds import FEEDS
    >>> flights = Schedule(FEEDS["flights"], seed=7)
    >>> flights.batch_id(1)
    'flights-20130101T001500Z'
    >>> flights.sequence_of("flights-20130101T001500Z")
    1
    >>> flights.newest(flights.produced_at(1)), flights.newest(flights.produced_at(1) - 0.01)
    (1, 0)
    """

    feed: Feed
    seed: int = 0

    def window_start(self, sequence: int) -> int:
        """Epoch seconds of the window's start."""
        return DATA_EPOCH + sequence * self.feed.period_s

    def produced_at(self, sequence: int) -> float:
        """When the batch is published: the window's end, the provider's lag and this batch's own delay."""
        digest = blake2b(f"{self.seed}/{self.feed.name}/{sequence}".encode(), digest_size=4).digest()
        share = int.from_bytes(digest, "little") / 2**32
        return self.window_start(sequence + 1) + self.feed.lag_s + round(share * self.feed.jitter_s, 3)

    def newest(self, now: float) -> int:
        """The highest sequence that is published at ``now``; negative before the first."""
        sequence = floor((now - DATA_EPOCH - self.feed.lag_s) / self.feed.period_s) - 1
        return sequence if self.produced_at(sequence) <= now else sequence - 1

    def batch_id(self, sequence: int) -> str:
        """``flights-20130610T051500Z``: the feed and the window's start."""
        start = datetime.fromtimestamp(self.window_start(sequence), UTC)
        return f"{self.feed.name}-{start:%Y%m%dT%H%M%SZ}"

    def sequence_of(self, batch_id: str) -> int | None:
        """The inverse of `batch_id`; None if the feed has no such batch."""
        prefix, _, stamp = batch_id.rpartition("-")
        if prefix != self.feed.name:
            return None
        try:
            start = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        except ValueError:
            return None
        sequence, rest = divmod(int(start) - DATA_EPOCH, self.feed.period_s)
        return None if rest else sequence
