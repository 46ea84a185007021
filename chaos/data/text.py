"""Texts as one long array of code points, so that edits are array operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chaos.data.columns import Flags, valid
from chaos.data.row_hash import U64
from chaos.data.rows import I64

Codes = NDArray[Any]

#: Typing errors: a neighbouring key, two characters exchanged, one left out, one doubled.
KINDS = ("neighbour", "exchange", "omit", "double")

#: Neighbours on a keyboard, for typing errors; what is not here gets the next code point.
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890")


def _neighbours() -> NDArray[np.uint8]:
    table = (np.arange(128) ^ 1).astype(np.uint8)
    for row in _KEYS:
        for key, neighbour in zip(row, row[1:] + row[-2], strict=True):
            table[ord(key)] = ord(neighbour)
            table[ord(key.upper())] = ord(neighbour.upper())
    table[:32] = 32  # never a control character
    table[ord(" ")] = ord("_")
    table[127] = 126
    return table


_NEIGHBOURS = _neighbours()


@dataclass(frozen=True, slots=True)
class Texts:
    """``codes`` of all texts in a row, and how many each text has. Codes are bytes where all is ASCII."""

    codes: Codes
    lengths: I64

    @property
    def starts(self) -> I64:
        """Where each text begins."""
        return np.asarray(np.cumsum(self.lengths) - self.lengths)

    @classmethod
    def of(cls, array: pa.Array) -> Texts:
        """The code points of a string array; null is an empty text."""
        data, offsets = raw(array)
        if not len(data) or data.max() < 128:
            return cls(data, np.diff(offsets))
        begins = np.zeros(len(data) + 1, dtype=np.int64)
        np.cumsum((data & 0xC0) != 0x80, out=begins[1:])
        codes = np.frombuffer(data.tobytes().decode("utf-8").encode("utf-32-le"), dtype=np.uint32)
        return cls(codes, np.diff(begins[offsets]))

    def to_arrow(self, like: pa.Array) -> pa.Array:
        """A string array of the type and with the nulls of ``like``."""
        offsets = np.zeros(len(self.lengths) + 1, dtype=np.int64)
        if self.codes.dtype == np.uint8:
            data = self.codes.tobytes()
            np.cumsum(self.lengths, out=offsets[1:])
        else:
            # Halves of surrogate pairs cannot be text.
            codes = np.where((self.codes >= 0xD800) & (self.codes < 0xE000), 0xFFFD, self.codes)
            data = codes.astype("<u4").tobytes().decode("utf-32-le").encode("utf-8")
            wide = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)
            ends = np.zeros(len(codes) + 1, dtype=np.int64)
            np.cumsum(wide, out=ends[1:])
            offsets[1:] = ends[np.cumsum(self.lengths)]
        return _strings(like, offsets, data)


def raw(array: pa.Array) -> tuple[NDArray[np.uint8], I64]:
    """The UTF-8 bytes of a string or binary array in a row, and where each value begins and ends."""
    large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int64 if large else np.int32)
    offsets = offsets[array.offset : array.offset + len(array) + 1].astype(np.int64)
    buffer = array.buffers()[2]
    if buffer is None:
        return np.empty(0, dtype=np.uint8), offsets - offsets[0]
    data = np.frombuffer(buffer, dtype=np.uint8)[offsets[0] : offsets[-1]]
    return data, offsets - offsets[0]


def _strings(like: pa.Array, offsets: I64, data: bytes) -> pa.Array:
    bits = None if not like.null_count else pa.py_buffer(np.packbits(valid(like), bitorder="little"))
    large = pa.types.is_large_string(like.type)
    where = pa.py_buffer(offsets if large else offsets.astype(np.int32))
    return pa.Array.from_buffers(like.type, len(like), [bits, where, pa.py_buffer(data)])


#: Texts edited at a time: what is made on the way stays in the L2 cache.
_BLOCK = 8192


def typo(array: pa.Array, bits: U64, kinds: Sequence[str] = KINDS) -> pa.Array:
    """One typing error of one of the kinds in each text that is not empty; each is another text than before.

    The random bits say which kind and where. What a text is too short for, or would not change it, becomes a
    neighbouring key.

    >>> typo(pa.array(["Delta", "UA", ""]), np.array([0, 2 << 14, 0], dtype=np.uint64)).to_pylist()
    ['Felta', 'A', '']
    """
    if len(array) <= _BLOCK:
        return _typo(array, bits, kinds)
    starts = range(0, len(array), _BLOCK)
    return pa.concat_arrays([_typo(array.slice(i, _BLOCK), bits[i : i + _BLOCK], kinds) for i in starts])


def _typo(array: pa.Array, bits: U64, kinds: Sequence[str]) -> pa.Array:
    texts = Texts.of(array)
    lengths, starts, codes = texts.lengths, texts.starts, texts.codes
    if not len(codes):
        return array
    spot = starts + ((bits >> np.uint64(33)) * lengths.view(np.uint64) >> np.uint64(31)).view(np.int64)
    new = codes.copy()
    if tuple(kinds) == ("neighbour",):
        spot = spot[lengths > 0] if lengths.min() == 0 else spot
        new[spot] = neighbours(codes[spot])
        return Texts(new, lengths).to_arrow(array)
    which = np.array([KINDS.index(kind) for kind in kinds], dtype=np.int8)[
        ((bits & np.uint64(0xFFFF)) * np.uint64(len(kinds)) >> np.uint64(16)).view(np.int64)
    ]
    which[lengths < 2] = 0
    exchange = np.flatnonzero(which == 1)
    first = spot[exchange]
    first -= first == (starts + lengths - 1)[exchange]
    same = codes[first] == codes[first + 1]
    which[exchange[same]] = 0
    first = first[~same]
    new[first], new[first + 1] = codes[first + 1], codes[first]
    replaced = spot[(which == 0) & (lengths > 0)]
    new[replaced] = neighbours(codes[replaced])
    drop, double = which == 2, which == 3
    if drop.any() or double.any():
        new = _resized(new, spot, drop, double)
    return Texts(new, lengths - drop + double).to_arrow(array)


def _resized(codes: Codes, spot: I64, drop: Flags, double: Flags) -> Codes:
    """The codes without those at some spots, which ascend, and with those at others twice."""
    shift = double.astype(np.int64) - drop
    np.cumsum(shift, out=shift)  # by how much each spot moves, with what was dropped and doubled up to there
    step = np.ones(len(codes) + int(shift[-1]) + 1, dtype=np.int64)
    step[0] = 0
    step[(spot + shift)[double]] = 0
    # Two of these may fall on one place: the last character of a text and the first of the next.
    np.add.at(step, (spot + shift)[drop] + 1, 1)
    return np.asarray(codes.take(np.cumsum(step, out=step)[:-1]))


def neighbours(codes: Codes) -> Codes:
    """For each character the one that a slip of the finger gives, never itself."""
    if codes.dtype == np.uint8:
        return _NEIGHBOURS[codes]
    ascii_ = codes < 128
    out = codes ^ np.asarray(1, dtype=codes.dtype)
    out[ascii_] = _NEIGHBOURS[codes[ascii_]]
    return np.asarray(out)


def mojibake(array: pa.Array, encoding: str) -> pa.Array:
    """The bytes of one encoding read as another; ``utf8_as_latin1``, ``utf8_as_cp1252`` or ``utf16_as_latin1``.

    >>> mojibake(pa.array(["Zürich", "JFK"]), "utf8_as_latin1").to_pylist()
    ['ZÃ¼rich', 'JFK']
    """
    if encoding == "utf16_as_latin1":
        texts = Texts.of(array)
        pairs = np.frombuffer(_utf16(texts.codes), dtype=np.uint8)
        ends = np.concatenate([[0], np.cumsum(1 + (texts.codes >= 0x10000).astype(np.int64))])
        return _decoded(array, pairs, 2 * ends[np.concatenate([[0], np.cumsum(texts.lengths)])], "latin-1", _LATIN1)
    data, offsets = raw(array)
    codec, widths = ("latin-1", _LATIN1) if encoding == "utf8_as_latin1" else ("cp1252", _CP1252)
    return array if not len(data) or data.max() < 128 else _decoded(array, data, offsets, codec, widths)


def _decoded(like: pa.Array, data: NDArray[np.uint8], offsets: I64, codec: str, widths: NDArray[np.uint8]) -> pa.Array:
    """Single bytes read in a codec; ``widths`` says how long each is in UTF-8."""
    ends = np.zeros(len(data) + 1, dtype=np.int64)
    np.cumsum(widths[data], out=ends[1:])
    return _strings(like, ends[offsets], data.tobytes().decode(codec, "replace").encode("utf-8"))


def _utf16(codes: Codes) -> bytes:
    return codes.astype("<u4").tobytes().decode("utf-32-le").encode("utf-16-le")


def _widths(codec: str) -> NDArray[np.uint8]:
    return np.array([len(bytes([i]).decode(codec, "replace").encode("utf-8")) for i in range(256)], dtype=np.uint8)


_LATIN1, _CP1252 = _widths("latin-1"), _widths("cp1252")
