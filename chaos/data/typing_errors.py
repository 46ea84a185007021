"""Typing errors in many texts at once, as edits of their UTF-8 bytes, which nothing decodes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chaos.data.memory import pooled
from chaos.data.row_hash import U64
from chaos.data.rows import I64
from chaos.data.text import Bytes, raw, strings
from chaos.data.text_scatter import pieces, taking_turns

#: Typing errors: a neighbouring key, two characters exchanged, one left out, one doubled.
KINDS = ("neighbour", "exchange", "omit", "double")
_NEIGHBOUR, _EXCHANGE = 0, 1
#: By how many characters a text grows with each kind.
_GROWTH = np.array([0, 0, -1, 1])

#: Neighbours on a keyboard, for typing errors; what is not here gets the next code point.
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890")


def _next_keys() -> NDArray[np.uint8]:
    table = (np.arange(256) ^ 1).astype(np.uint8)
    for row in _KEYS:
        for key, neighbour in zip(row, row[1:] + row[-2], strict=True):
            table[ord(key)] = ord(neighbour)
            table[ord(key.upper())] = ord(neighbour.upper())
    table[:32] = 32  # never a control character
    table[ord(" ")] = ord("_")
    table[127] = 126
    return table


#: What each byte becomes: an ASCII character its neighbour, the last byte of any other one the next or the last one.
_NEXT = _next_keys()
#: How many bytes a character has that begins with a byte.
_WIDTHS = np.repeat(np.array([1, 2, 3, 4], dtype=np.int64), [0xC0, 0x20, 0x10, 0x10])

#: Bytes (about) and texts edited at a time: what is made on the way stays in the cache, and needs no fresh memory.
_BYTES, _TEXTS = 1 << 17, 1 << 13


def typo(array: pa.Array, bits: U64, kinds: Sequence[str] = KINDS) -> pa.Array:
    """One typing error of one of the kinds in each text that is not empty; each is another text than before.

    The random bits say which kind, and at which byte: a character of two bytes is hit twice as often as one of one.
    What a text is too short for, or would not change it, becomes a neighbouring key.

    >>> typo(pa.array(["Delta", "UA", ""]), np.array([0, 2 << 14, 0], dtype=np.uint64)).to_pylist()
    ['Felta', 'A', '']
    """
    data, offsets = raw(array)
    if not len(data):
        return array
    places = np.array([KINDS.index(kind) for kind in kinds], dtype=np.int8)
    texts = min(max(_BYTES * len(array) // len(data), 1), _TEXTS)
    sizes, new, parts = np.diff(offsets), pooled(len(data), np.uint8), []
    for first in range(0, len(array), texts):
        own, begin = sizes[first : first + texts], offsets[first]
        span = slice(begin, offsets[first + len(own)])
        starts = offsets[first : first + len(own)] - begin
        parts.append(_typo(new[span], data[span], starts, own, bits[first : first + texts], places))
    if _GROWTH[places].any():
        np.cumsum(sizes, out=offsets[1:])
        new = np.concatenate(parts, out=pooled(int(offsets[-1]), np.uint8))
    return strings(array, offsets, new)


def _typo(new: Bytes, data: Bytes, starts: I64, sizes: I64, bits: U64, kinds: NDArray[np.int8]) -> Bytes:
    """The bytes of some texts with the errors in them: in ``new``, if no text grows; ``sizes`` become what they are."""
    lengths = sizes
    where = ((bits >> np.uint64(33)) * lengths.view(np.uint64) >> np.uint64(31)).view(np.int64)
    where += starts
    chosen: NDArray[np.int8] | None = None
    if len(kinds) > 1 or kinds[0] != _NEIGHBOUR:
        drawn = bits & np.uint64(0xFFFF)
        drawn *= np.uint64(len(kinds))
        drawn >>= np.uint64(16)
        chosen = kinds.take(drawn.view(np.int64))
    filled: NDArray[np.bool_] | slice = slice(None)
    if not lengths.all():
        filled = lengths > 0
        where, starts, lengths = where[filled], starts[filled], lengths[filled]
        chosen = None if chosen is None else chosen[filled]
    new[:] = data
    if not len(data):
        return new
    if data.max() >= 128:
        where = _begins(data, where)
    if chosen is None:
        _neighbours(new, where)
        return new
    growth = _edited(new, data, starts, lengths, where, chosen)
    if growth.any():
        new = _resized(new, where, growth)
        sizes[filled] += growth
    return new


def _begins(data: Bytes, places: I64) -> I64:
    """Where the characters that some bytes belong to begin."""
    within = np.flatnonzero(_continues(data, places))
    if len(within):
        places = places.copy()
    for _ in range(3):  # a character has three more bytes than its first, at most
        if not len(within):
            break
        places[within] -= 1
        within = within[_continues(data, places.take(within))]
    return places


def _continues(data: Bytes, places: I64) -> NDArray[np.bool_]:
    """Whether the bytes at some places, 0x80 to 0xBF, continue a character."""
    return data.view(np.int8).take(places) < -64


def _neighbours(new: Bytes, at: I64) -> None:
    """Put the character that a slip of the finger gives in place of each that begins at one of these places."""
    last = at + _WIDTHS.take(new.take(at)) - 1
    new[last] = _NEXT.take(new.take(last))


def _edited(new: Bytes, data: Bytes, starts: I64, lengths: I64, where: I64, chosen: NDArray[np.int8]) -> I64:
    """Make the edits that move nothing; by how many bytes each text grows by the others.

    A text's character that begins at ``where`` gets the kind of error that was chosen for it.
    """
    wide = _WIDTHS.take(data.take(where))
    if lengths.min() <= _WIDTHS[-1]:
        chosen[_WIDTHS.take(data.take(starts)) >= lengths] = _NEIGHBOUR  # there is but one character
    exchange = np.flatnonzero(chosen == _EXCHANGE)
    first = where.take(exchange)
    last = np.flatnonzero(first + wide.take(exchange) >= starts.take(exchange) + lengths.take(exchange))
    first[last] = _begins(data, first.take(last) - 1)
    same = _exchange(new, data, first)
    chosen[exchange[same]] = _NEIGHBOUR
    _neighbours(new, where.take(np.flatnonzero(chosen == _NEIGHBOUR)))
    growth: I64 = _GROWTH.take(chosen)
    growth *= wide
    return growth


def _exchange(new: Bytes, data: Bytes, first: I64) -> NDArray[np.bool_]:
    """Let the characters that begin at these places and those behind them change places; which are the same ones."""
    before = data.take(first)
    one = _WIDTHS.take(before)
    after = data.take(first + one)
    both = one + _WIDTHS.take(after)
    new[first], new[first + 1] = after, before
    same: NDArray[np.bool_] = before == after
    longer = np.flatnonzero(both > 2)
    if len(longer):
        same[longer] = _exchange_longer(new, data, first.take(longer), one.take(longer), both.take(longer))
    return same


def _exchange_longer(new: Bytes, data: Bytes, first: I64, one: I64, both: I64) -> NDArray[np.bool_]:
    """`_exchange` for two characters of ``both`` bytes together, of which the first has ``one``."""
    same = np.ones(len(first), dtype=bool)
    for k in range(both.max()):
        own = np.flatnonzero(both > k) if k > 2 else slice(None)
        to = first[own] + k
        given = data[first[own] + (one[own] + k) % both[own]]
        new[to] = given
        same[own] &= data[to] == given
    return same


def _resized(data: Bytes, at: I64, growth: I64) -> Bytes:
    """The bytes with the characters at some places, which ascend, left out or twice, as they grow."""
    moved = np.flatnonzero(growth != 0)  # the places of flags are found much faster than those of numbers
    at, growth = at.take(moved), growth.take(moved)
    # Pieces: where each begins, and where the one before it ends. A character that is there twice ends one and begins
    # the next, one that is left out is in neither. In one array they cannot overlap, nor have gaps between them.
    bounds = np.zeros((2, len(at) + 2), dtype=np.int32)
    bounds[0, 1:-1], bounds[1, 1:-1] = at - np.minimum(growth, 0), at + np.maximum(growth, 0)
    bounds[:, -1] = len(data)
    bounds[:, 1::2] = bounds[::-1, 1::2].copy()
    return np.frombuffer(taking_turns(pieces(bounds[0], data), pieces(bounds[1], data)), dtype=np.uint8)
