"""The hashes that rows are drawn by: of a position in the feed, and of any 64-bit id.

A row is hit if its hash lies under ``rate * 2**64``. A hash depends on the key of the draw and the row's id only, so
that it does not matter which other rows are at hand.

Positions are hashed in aligned blocks. Each block gets numbers of its own from the draw's key (64 good bits and more),
and its rows are told apart by 32 bits that are the same in every block: the arithmetic on rows is 32 bits wide, and
half of it is done beforehand. The lower half of a hash is the block's. It makes no order among its rows, but rates
that 32 bits cannot tell apart are kept exactly in the long run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]

GAMMA = np.uint64(0x9E3779B97F4A7C15)
MASK = 2**64 - 1
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_M32 = np.uint32(0x7FEB352D)
_S16, _S32 = np.uint32(16), np.uint64(32)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
#: Added to an id before it is mixed: otherwise the id 0 would have the hash 0, and be hit by every draw.
_BIAS = np.uint64(0x6A09E667F3BCC909)
_LOW_BITS = 15
#: Positions in a block: its buffers stay in the L2 cache.
BLOCK = 1 << _LOW_BITS


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


def uniforms(hashed: U64) -> NDArray[np.float64]:
    """Draws in [0, 1) from hashes."""
    drawn = (hashed >> np.uint64(11)).astype(np.float64)
    drawn *= 2.0**-53
    return drawn


def limit_of(rate: float) -> int:
    """What hashes must lie under: 0 to ``2**64``."""
    return int(rate * 2.0**64)


#: What tells the rows of a block apart.
_WORDS: U32 = (splitmix64(np.arange(BLOCK, dtype=np.uint64) * GAMMA) >> _S32).astype(np.uint32)
_WORDS.flags.writeable = False


@dataclass(frozen=True, slots=True)
class BlockKeys:
    """The numbers of some blocks in one draw: rows are multiplied by ``factor`` (odd), ``term`` is added.

    ``lower`` is the lower half of every hash in the block.
    """

    factor: U32
    term: U32
    lower: U32

    @classmethod
    def of(cls, key: int, blocks: U64) -> BlockKeys:
        """Those of the blocks with these numbers."""
        mixed = splitmix64(blocks * GAMMA + np.uint64(key & MASK))
        more = splitmix64(mixed + _BIAS)
        return cls((mixed >> _S32).astype(np.uint32) | np.uint32(1), mixed.astype(np.uint32), more.astype(np.uint32))

    def limits(self, limit: int) -> list[int]:
        """For each block, what the upper half of a hash must lie under so that the whole lies under ``limit``."""
        upper, lower = divmod(limit, 2**32)
        return (np.int64(upper) + (self.lower < lower)).tolist()  # type: ignore[no-any-return]


def block_hashes(keys: BlockKeys, place: int, begin: int, out: U32, scratch: U32) -> None:
    """Write the upper halves of the hashes of rows ``begin``, ... of one of the blocks."""
    np.multiply(_WORDS[begin : begin + len(out)], keys.factor[place], out=out)
    np.add(out, keys.term[place], out=out)
    np.right_shift(out, _S16, out=scratch)
    np.bitwise_xor(out, scratch, out=out)
    np.multiply(out, _M32, out=out)


def position_hashes(key: int, ids: U64) -> U64:
    """The hashes of positions in the feed, in any order."""
    blocks = ids >> np.uint64(_LOW_BITS)
    begins = np.ones(len(ids), dtype=bool)
    np.not_equal(blocks[1:], blocks[:-1], out=begins[1:])
    keys = BlockKeys.of(key, blocks[begins])
    place = np.cumsum(begins) - 1
    mixed = _WORDS[(ids & np.uint64(BLOCK - 1)).view(np.int64)] * keys.factor[place] + keys.term[place]
    mixed ^= mixed >> _S16
    mixed *= _M32
    hashes: U64 = mixed.astype(np.uint64) << _S32 | keys.lower[place]
    return hashes


def blocks_of(start: int, count: int) -> tuple[U64, int]:
    """The numbers of the blocks that positions ``start``, ... lie in, and the place of the first in its block."""
    first, begin = divmod(start & MASK, BLOCK)
    numbers = np.arange(first, first - (-(begin + count) // BLOCK), dtype=np.uint64)
    return numbers & np.uint64(MASK >> _LOW_BITS), begin


def mixed_ids(ids: U64, out: U64, scratch: U64) -> None:
    """Write what all draws have in common in the hashes of arbitrary ids; `multiplier` makes the rest."""
    np.multiply(ids, GAMMA, out=out)
    np.add(out, _BIAS, out=out)
    np.right_shift(out, _S30, out=scratch)
    np.bitwise_xor(out, scratch, out=out)
    np.multiply(out, _M1, out=out)
    np.right_shift(out, _S27, out=scratch)
    np.bitwise_xor(out, scratch, out=out)


def multiplier(key: int) -> np.uint64:
    """What mixed ids are multiplied by in a draw."""
    return np.uint64((key | 1) & MASK)


def id_hashes(key: int, ids: U64) -> U64:
    """The hashes of arbitrary ids."""
    out = np.empty_like(ids)
    mixed_ids(ids, out, np.empty_like(ids))
    out *= multiplier(key)
    return out
