"""Which rows a fault hits: a keyed hash of each row's id, so that partitioning and order never matter.

A row's id is its position in the feed (`Positions`), the run of rows that it is in (`Bursts`) or a hash of its key
columns (`Keys`). A fault hits the rows whose hash under its own key lies below ``rate * 2**64``. Nothing else enters,
not the other rows and not the batch, and several faults share one pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chaos.data.memory import pooled
from chaos.data.row_hash import (
    BLOCK,
    GAMMA,
    MASK,
    U64,
    BlockKeys,
    block_hashes,
    blocks_of,
    id_hashes,
    limit_of,
    mixed_ids,
    multiplier,
    position_hashes,
    splitmix64,
    uniforms,
)

I64 = NDArray[np.int64]

#: A draw: key and rate.
Draw = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Positions:
    """Rows named by position: ``start``, ``start + 1``, ..."""

    start: int
    count: int

    def at(self, rows: I64) -> U64:
        """The ids of some rows."""
        return rows.view(np.uint64) + np.uint64(self.start & MASK)


@dataclass(frozen=True, slots=True)
class Places:
    """Rows named by positions that no longer follow one another: some rows went, came twice or moved."""

    ids: U64

    @property
    def count(self) -> int:
        """How many rows."""
        return len(self.ids)

    def at(self, rows: I64) -> U64:
        """The ids of some rows."""
        return self.ids[rows]


@dataclass(frozen=True, slots=True)
class Keys:
    """Rows named by a hash of their key."""

    ids: U64

    @property
    def count(self) -> int:
        """How many rows."""
        return len(self.ids)

    def at(self, rows: I64) -> U64:
        """The ids of some rows."""
        return self.ids[rows]


@dataclass(frozen=True, slots=True)
class Bursts:
    """Runs of ``length`` rows in a row that share one id: the whole run is hit, or none of it."""

    rows: Positions | Places
    length: int

    @property
    def count(self) -> int:
        """How many rows, not runs."""
        return self.rows.count

    def at(self, rows: I64) -> U64:
        """The ids of the runs that some rows are in."""
        return self.rows.at(rows) // np.uint64(self.length)


RowIds = Positions | Places | Keys | Bursts


def hashes(key: int, rows: RowIds) -> U64:
    """The selection hash of every row."""
    return hashes_at(key, rows, np.arange(rows.count))


def hashes_at(key: int, rows: RowIds, positions: I64) -> U64:
    """The selection hashes of some rows only."""
    hashed = id_hashes if isinstance(rows, Keys) else position_hashes
    return hashed(key, rows.at(positions))


def draws_at(key: int, rows: RowIds, positions: I64) -> U64:
    """64 good random bits for each of some rows, for what happens to them; independent of the selection."""
    out = pooled(len(positions), np.uint64)
    for offset in range(0, len(out), BLOCK):
        block = out[offset : offset + BLOCK]
        np.multiply(rows.at(positions[offset : offset + BLOCK]), GAMMA, out=block)
        block += np.uint64(key & MASK)
        splitmix64(block)
    return out


def select(key: int, rows: RowIds, rate: float) -> I64:
    """Ascending positions of the rows hit: each with probability ``rate``, on its own.

    The number is binomial around ``rate * rows``; it is the same whether rows come at once or in parts.

    >>> select(7, Positions(0, 10), 1.0).tolist() == list(range(10))
    True
    >>> whole = select(7, Positions(0, 1000), 0.1).tolist()
    >>> parts = [p + o for o in range(0, 1000, 7) for p in select(7, Positions(o, min(7, 1000 - o)), 0.1).tolist()]
    >>> whole == parts
    True
    """
    return select_many([(key, rate)], rows)[0]


def select_many(draws: Sequence[Draw], rows: RowIds) -> list[I64]:
    """What `select` gives for each (key, rate), in one pass over the ids.

    >>> both = select_many([(7, 0.1), (8, 0.5)], Positions(0, 1000))
    >>> [hit.tolist() == select(k, Positions(0, 1000), r).tolist() for hit, (k, r) in zip(both, [(7, 0.1), (8, 0.5)])]
    [True, True]
    """
    partial = {i: draw for i, draw in enumerate(draws) if 0.0 < draw[1] < 1.0}
    found: dict[int, I64] = {}
    if partial and rows.count:
        found = dict(zip(partial, _found(list(partial.values()), rows), strict=True))
    everything = np.arange(rows.count, dtype=np.int64) if any(rate >= 1.0 for _, rate in draws) else None
    nothing = np.empty(0, dtype=np.int64)
    return [
        everything if rate >= 1.0 and everything is not None else found.get(i, nothing)
        for i, (_, rate) in enumerate(draws)
    ]


def _found(draws: Sequence[Draw], rows: RowIds) -> list[I64]:
    if isinstance(rows, Positions):
        return _found_by_position(draws, rows)
    if isinstance(rows, Keys):
        return _found_by_key(draws, rows.ids)
    ids = rows.at(np.arange(rows.count))
    return [np.flatnonzero(position_hashes(key, ids) < np.uint64(limit_of(rate))) for key, rate in draws]


#: numpy lists the places of set flags faster where they are more than a tenth. Up to this share, which any block of a
#: larger rate exceeds, set flags are put behind those of a block, and dropped from the list again; where hits are fewer
#: than the second share, looking for each is faster still.
_LISTED_FAST, _FEW = 0.115, 0.03


def _padding(rate: float) -> int:
    """How many set flags to put behind those of a block."""
    return int(BLOCK * (_LISTED_FAST - rate) / (1.0 - _LISTED_FAST)) if _FEW < rate < _LISTED_FAST else 0


def _found_by_position(draws: Sequence[Draw], rows: Positions) -> list[I64]:
    """Block by block, in buffers that are used again."""
    blocks, begin = blocks_of(rows.start, rows.count)
    keys = [BlockKeys.of(key, blocks) for key, _ in draws]
    limits = [of.limits(limit_of(rate)) for of, (_, rate) in zip(keys, draws, strict=True)]
    padding = [_padding(rate) for _, rate in draws]
    found = [_Growing.expecting(rows.count * rate) for _, rate in draws]
    length = size = min(BLOCK, rows.count)
    hashed, scratch = np.empty(size, dtype=np.uint32), np.empty(size, dtype=np.uint32)
    flags = np.ones(size + max(padding), dtype=bool)
    offset = 0
    for place in range(len(blocks)):
        length = min(BLOCK - begin, rows.count - offset)
        for draw, of in enumerate(keys):
            limit = limits[draw][place]
            if limit:  # up to 2**32, which is no 32-bit number: the largest one that is hit always is
                block_hashes(of, place, begin, hashed[:length], scratch[:length])
                np.less_equal(hashed[:length], np.uint32(limit - 1), out=flags[size - length : size])
                hit = flags[size - length : size + padding[draw]].nonzero()[0]
                found[draw].add(hit[: len(hit) - padding[draw]], offset)
        offset += length
        begin = 0
    return [each.done() for each in found]


def _found_by_key(draws: Sequence[Draw], ids: U64) -> list[I64]:
    """Block by block; what all draws have in common is computed once."""
    found = [_Growing.expecting(len(ids) * rate) for _, rate in draws]
    limits = [(multiplier(key), np.uint64(limit_of(rate))) for key, rate in draws]
    length = min(BLOCK, len(ids))
    mixed, hashed = np.empty(length, dtype=np.uint64), np.empty(length, dtype=np.uint64)
    for offset in range(0, len(ids), BLOCK):
        length = min(BLOCK, len(ids) - offset)
        mixed_ids(ids[offset : offset + length], mixed[:length], hashed[:length])
        for draw, (factor, limit) in enumerate(limits):
            np.multiply(mixed[:length], factor, out=hashed[:length])
            found[draw].add((hashed[:length] < limit).nonzero()[0], offset)
    return [each.done() for each in found]


@dataclass(slots=True)
class _Growing:
    """Positions collected block by block in one array, which is made a little larger than is expected."""

    rows: I64
    count: int = 0

    @classmethod
    def expecting(cls, mean: float) -> _Growing:
        return cls(pooled(int(mean + 6.0 * mean**0.5) + 64, np.int64))

    def add(self, hit: I64, offset: int) -> None:
        stop = self.count + len(hit)
        if stop > len(self.rows):
            self.rows = np.concatenate([self.rows, np.empty(stop, dtype=np.int64)])
        np.add(hit, offset, out=self.rows[self.count : stop])
        self.count = stop

    def done(self) -> I64:
        return self.rows[: self.count]


def select_exactly(key: int, rows: RowIds, count: int, weights: NDArray[np.float64] | None = None) -> I64:
    """Ascending positions of exactly ``count`` rows: those of the smallest hashes, ties by position.

    Rows of weight 0 are never taken, rows of a small weight seldom. This needs all rows at once; `select` is the one
    for parts.

    >>> len(select_exactly(7, Positions(0, 1000), 100))
    100
    """
    order = uniforms(hashes(key, rows))
    if weights is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            order = -np.log1p(-order) / weights  # exponential waiting times: the weight is the rate
        order[weights <= 0.0] = np.inf
    count = min(max(count, 0), int(np.isfinite(order).sum()))
    if count == 0:
        return np.empty(0, dtype=np.int64)
    last = np.partition(order, count - 1)[count - 1]
    chosen = np.flatnonzero(order < last)
    ties = np.flatnonzero(order == last)[: count - len(chosen)]
    return np.sort(np.concatenate([chosen, ties]))
