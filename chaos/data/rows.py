"""Which rows a fault hits: a keyed hash of each row's id, so that partitioning and order never matter.

A row's id is its position in the feed (`Positions`) or a hash of its key columns (`Keys`). One pass mixes every id;
each fault then multiplies the mixed ids by an odd key of its own, and hits the rows whose product falls under
``rate * 2**64``. Nothing else enters, not the other rows and not the batch, and several faults share the mixing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]

GAMMA = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
#: Rows hashed at a time: three buffers of this length stay in the L2 cache.
_BLOCK = 1 << 14
_MASK = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Positions:
    """Rows named by position: ``start``, ``start + 1``, ..."""

    start: int
    count: int

    def fill(self, offset: int, out: U64) -> None:
        """Write ``id * GAMMA`` of the rows from ``offset`` on."""
        np.add(_RAMP[: len(out)], np.uint64((self.start + offset) * int(GAMMA) & _MASK), out=out)

    def at(self, rows: I64) -> U64:
        """The ids of some rows."""
        return rows.astype(np.uint64) + np.uint64(self.start & _MASK)


@dataclass(frozen=True, slots=True)
class Keys:
    """Rows named by a hash of their key."""

    ids: U64

    @property
    def count(self) -> int:
        """How many rows."""
        return len(self.ids)

    def fill(self, offset: int, out: U64) -> None:
        """Write ``id * GAMMA`` of the rows from ``offset`` on."""
        np.multiply(self.ids[offset : offset + len(out)], GAMMA, out=out)

    def at(self, rows: I64) -> U64:
        """The ids of some rows."""
        return self.ids[rows]


@dataclass(frozen=True, slots=True)
class Bursts:
    """Runs of ``length`` rows in a row that share one id: the whole run is hit, or none of it."""

    rows: Positions
    length: int

    @property
    def count(self) -> int:
        """How many rows, not runs."""
        return self.rows.count

    def fill(self, offset: int, out: U64) -> None:
        """Write ``id * GAMMA`` of the rows from ``offset`` on."""
        np.multiply(self.at(np.arange(offset, offset + len(out))), GAMMA, out=out)

    def at(self, rows: I64) -> U64:
        """The ids of the runs that some rows are in."""
        return self.rows.at(rows) // np.uint64(self.length)


RowIds = Positions | Keys | Bursts
#: ``id * GAMMA`` of a block that begins at 0.
_RAMP = np.arange(_BLOCK, dtype=np.uint64) * GAMMA
_RAMP.flags.writeable = False


def splitmix64(x: U64) -> U64:
    """The finaliser of SplitMix64, in place.

    >>> hex(int(splitmix64(np.array([0x9E3779B97F4A7C15], dtype=np.uint64))[0]))
    '0xe220a8397b1dcdaf'
    """
    shifted = x >> _S30
    x ^= shifted
    x *= _M1
    np.right_shift(x, _S27, out=shifted)
    x ^= shifted
    x *= _M2
    np.right_shift(x, _S31, out=shifted)
    x ^= shifted
    return x


def _mix(x: U64, scratch: U64) -> None:
    """The first half of SplitMix64's finaliser, in place; the key's multiplication is the other half."""
    np.right_shift(x, _S30, out=scratch)
    np.bitwise_xor(x, scratch, out=x)
    np.multiply(x, _M1, out=x)
    np.right_shift(x, _S27, out=scratch)
    np.bitwise_xor(x, scratch, out=x)


def _mixed(rows: RowIds) -> Iterator[tuple[int, U64, U64]]:
    """(offset, mixed ids, scratch of the same length) block by block, in buffers that are used again."""
    buffer, scratch = np.empty(_BLOCK, dtype=np.uint64), np.empty(_BLOCK, dtype=np.uint64)
    for offset in range(0, rows.count, _BLOCK):
        length = min(_BLOCK, rows.count - offset)
        block = buffer[:length]
        rows.fill(offset, block)
        _mix(block, scratch[:length])
        yield offset, block, scratch[:length]


def _multiplier(key: int) -> np.uint64:
    return np.uint64((key | 1) & _MASK)


def hashes(key: int, rows: RowIds) -> U64:
    """The selection hash of every row."""
    out = np.empty(rows.count, dtype=np.uint64)
    for offset, block, _ in _mixed(rows):
        np.multiply(block, _multiplier(key), out=out[offset : offset + len(block)])
    return out


def hashes_at(key: int, rows: RowIds, positions: I64) -> U64:
    """The selection hashes of some rows only."""
    ids = rows.at(positions) * GAMMA
    _mix(ids, np.empty_like(ids))
    ids *= _multiplier(key)
    return ids


def draws_at(key: int, rows: RowIds, positions: I64) -> U64:
    """64 good random bits for each of some rows, for what happens to them; independent of the selection."""
    ids = rows.at(positions) * GAMMA
    ids += np.uint64(key & _MASK)
    return splitmix64(ids)


def uniforms(hashed: U64) -> NDArray[np.float64]:
    """Draws in [0, 1) from hashes."""
    return (hashed >> np.uint64(11)).astype(np.float64) * 2.0**-53


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


def select_many(draws: Sequence[tuple[int, float]], rows: RowIds) -> list[I64]:
    """What `select` gives for each (key, rate), in one pass over the ids.

    >>> both = select_many([(7, 0.1), (8, 0.5)], Positions(0, 1000))
    >>> [hit.tolist() == select(k, Positions(0, 1000), r).tolist() for hit, (k, r) in zip(both, [(7, 0.1), (8, 0.5)])]
    [True, True]
    """
    partial = [i for i, (_, rate) in enumerate(draws) if 0.0 < rate < 1.0]
    everything = np.arange(rows.count, dtype=np.int64) if any(rate >= 1.0 for _, rate in draws) else None
    found = {i: _Growing.expecting(rows.count * draws[i][1]) for i in partial}
    limits = {i: (_multiplier(draws[i][0]), np.uint64(int(draws[i][1] * 2.0**64))) for i in partial}
    flags = np.empty(_BLOCK, dtype=bool)
    for offset, block, scratch in _mixed(rows) if partial else ():
        for i in partial:
            multiplier, limit = limits[i]
            np.multiply(block, multiplier, out=scratch)
            found[i].add(np.less(scratch, limit, out=flags[: len(block)]).nonzero()[0], offset)
    nothing = np.empty(0, dtype=np.int64)
    return [
        everything if rate >= 1.0 and everything is not None else found[i].done() if i in found else nothing
        for i, (_, rate) in enumerate(draws)
    ]


@dataclass(slots=True)
class _Growing:
    """Positions collected block by block in one array, which is made a little larger than is expected."""

    rows: I64
    count: int = 0

    @classmethod
    def expecting(cls, mean: float) -> _Growing:
        return cls(np.empty(int(mean + 6.0 * mean**0.5) + 64, dtype=np.int64))

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
