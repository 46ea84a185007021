"""Which rows a fault hits: a keyed hash of each row's id, so that partitioning and order never matter.

A row's id is its position in the feed (`Positions`) or a hash of its key columns (`Keys`). A row is hit when
``splitmix64(key + id * gamma)`` falls under ``rate * 2**64``; nothing else enters, not the other rows, not the batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
I64 = NDArray[np.int64]

GAMMA = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
#: Rows hashed at a time: two buffers of this length stay in the L2 cache.
_BLOCK = 1 << 14
_MASK = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Positions:
    """Rows named by position: ``start``, ``start + 1``, ..."""

    start: int
    count: int

    def blocks(self) -> Iterator[tuple[int, U64]]:
        """(offset, ids) block by block."""
        for offset in range(0, self.count, _BLOCK):
            stop = min(offset + _BLOCK, self.count)
            first = np.uint64((self.start + offset) & _MASK)
            yield offset, np.arange(stop - offset, dtype=np.uint64) + first


@dataclass(frozen=True, slots=True)
class Keys:
    """Rows named by a hash of their key."""

    ids: U64

    @property
    def count(self) -> int:
        """How many rows."""
        return len(self.ids)

    def blocks(self) -> Iterator[tuple[int, U64]]:
        """(offset, ids) block by block; each block is the caller's to overwrite."""
        for offset in range(0, len(self.ids), _BLOCK):
            yield offset, self.ids[offset : offset + _BLOCK].copy()


RowIds = Positions | Keys


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


def _hashed(key: int, rows: RowIds) -> Iterator[tuple[int, U64]]:
    start = np.uint64(key & _MASK)
    for offset, ids in rows.blocks():
        ids *= GAMMA
        ids += start
        yield offset, splitmix64(ids)


def hashes(key: int, rows: RowIds) -> U64:
    """One 64-bit hash a row."""
    out = np.empty(rows.count, dtype=np.uint64)
    for offset, block in _hashed(key, rows):
        out[offset : offset + len(block)] = block
    return out


def hashes_at(key: int, rows: RowIds, positions: I64) -> U64:
    """The hashes of the rows at the positions only, for draws a victim."""
    if isinstance(rows, Positions):
        ids = positions.astype(np.uint64) + np.uint64(rows.start & _MASK)
    else:
        ids = rows.ids[positions]
    ids = ids * GAMMA
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
    if rate >= 1.0:
        return np.arange(rows.count, dtype=np.int64)
    threshold = np.uint64(int(rate * 2.0**64))
    found = [np.flatnonzero(block < threshold) + offset for offset, block in _hashed(key, rows)]
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def select_exactly(key: int, rows: RowIds, count: int) -> I64:
    """Ascending positions of exactly ``count`` rows: those of the smallest hashes, ties by position.

    This needs all rows at once; `select` is the one for parts.

    >>> len(select_exactly(7, Positions(0, 1000), 100))
    100
    """
    count = min(max(count, 0), rows.count)
    order = np.argsort(hashes(key, rows), kind="stable")[:count]
    return np.sort(order).astype(np.int64)
