"""Texts as one long array of code points, so that edits are array operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chaos.data.columns import Floats, valid
from chaos.data.rows import I64

Codes = NDArray[Any]

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


def typo(array: pa.Array, kind: Floats, place: Floats) -> pa.Array:
    """One typing error in each text that is not empty; each is another text than before.

    By ``kind`` (uniform draws): a neighbouring key, two characters exchanged, one left out, one doubled. By
    ``place``: where.

    >>> typo(pa.array(["Delta", "UA", ""]), np.array([0.0, 0.6, 0.9]), np.array([0.5, 0.0, 0.0])).to_pylist()
    ['Dekta', 'A', '']
    """
    texts = Texts.of(array)
    lengths, starts = texts.lengths, texts.starts
    some = lengths > 0
    which = (kind * 4).astype(np.int64)
    at = np.minimum((place * lengths).astype(np.int64), np.maximum(lengths - 1, 0))
    at = np.where((which == 1) & (at == lengths - 1), np.maximum(at - 1, 0), at)
    spot = np.where(some, starts + at, 0)
    following = np.minimum(spot + 1, max(len(texts.codes) - 1, 0))
    exchange = some & (which == 1) & (lengths > 1)
    if len(texts.codes):
        exchange &= texts.codes[spot] != texts.codes[following]
    drop, double = some & (which == 2) & (lengths > 1), some & (which == 3)
    replace = some & ~(exchange | drop | double)
    codes = texts.codes.copy()
    codes[spot[exchange]], codes[following[exchange]] = texts.codes[following[exchange]], texts.codes[spot[exchange]]
    codes[spot[replace]] = neighbours(texts.codes[spot[replace]])
    repeats = np.ones(len(codes), dtype=np.int64)
    repeats[spot[drop]] = 0
    repeats[spot[double]] = 2
    return Texts(np.repeat(codes, repeats), lengths - drop + double).to_arrow(array)


def neighbours(codes: Codes) -> Codes:
    """For each character the one that a slip of the finger gives, never itself."""
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
        pairs = np.frombuffer(bytes(_utf16(texts.codes)), dtype=np.uint8)
        units = 1 + (texts.codes >= 0x10000).astype(np.int64)
        ends = np.concatenate([[0], np.cumsum(units)])
        stops = ends[np.cumsum(texts.lengths)]
        return Texts(pairs.astype(np.uint32), 2 * np.diff(stops, prepend=0)).to_arrow(array)
    data, offsets = raw(array)
    table = np.arange(256, dtype=np.uint32) if encoding == "utf8_as_latin1" else _CP1252
    return Texts(table[data], np.diff(offsets)).to_arrow(array)


def _utf16(codes: Codes) -> bytes:
    return codes.astype("<u4").tobytes().decode("utf-32-le").encode("utf-16-le")


_CP1252 = np.array([ord(bytes([i]).decode("cp1252", "replace")) for i in range(256)], dtype=np.uint32)
