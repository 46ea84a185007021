"""The bytes of text columns, and text that is read in another encoding than it was written in."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chaos.data.columns import valid
from chaos.data.memory import pooled
from chaos.data.rows import I64

Bytes = NDArray[np.uint8]


def raw(array: pa.Array) -> tuple[Bytes, I64]:
    """The UTF-8 bytes of a string or binary array in a row, and where each value begins and ends."""
    large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    own = np.frombuffer(array.buffers()[1], dtype=np.int64 if large else np.int32)
    own = own[array.offset : array.offset + len(array) + 1]
    offsets = pooled(len(own), np.int64)
    np.subtract(own, own[0], out=offsets)
    buffer = array.buffers()[2]
    if buffer is None:
        return np.empty(0, dtype=np.uint8), offsets
    return np.frombuffer(buffer, dtype=np.uint8)[own[0] : own[-1]], offsets


def strings(like: pa.Array, offsets: I64, data: bytes | Bytes) -> pa.Array:
    """A string array of the type and with the nulls of ``like``, from the bytes of its values."""
    bits = None if not like.null_count else pa.py_buffer(np.packbits(valid(like), bitorder="little"))
    large = pa.types.is_large_string(like.type)
    where = pa.py_buffer(offsets if large else offsets.astype(np.int32))
    return pa.Array.from_buffers(like.type, len(like), [bits, where, pa.py_buffer(data)])


def mojibake(array: pa.Array, encoding: str) -> pa.Array:
    """The bytes of one encoding read as another; ``utf8_as_latin1``, ``utf8_as_cp1252`` or ``utf16_as_latin1``.

    >>> mojibake(pa.array(["Zürich", "JFK"]), "utf8_as_latin1").to_pylist()
    ['ZÃ¼rich', 'JFK']
    """
    data, offsets = raw(array)
    if encoding == "utf16_as_latin1":
        units = np.zeros(len(data) + 1, dtype=np.int64)
        np.cumsum(_UNITS[data], out=units[1:])
        pairs = np.frombuffer(data.tobytes().decode("utf-8").encode("utf-16-le"), dtype=np.uint8)
        return _decoded(array, pairs, 2 * units[offsets], "latin-1", _LATIN1)
    codec, widths = ("latin-1", _LATIN1) if encoding == "utf8_as_latin1" else ("cp1252", _CP1252)
    return array if not len(data) or data.max() < 128 else _decoded(array, data, offsets, codec, widths)


def _decoded(like: pa.Array, data: NDArray[np.uint8], offsets: I64, codec: str, widths: NDArray[np.uint8]) -> pa.Array:
    """Single bytes read in a codec; ``widths`` says how long each is in UTF-8."""
    ends = np.zeros(len(data) + 1, dtype=np.int64)
    np.cumsum(widths[data], out=ends[1:])
    return strings(like, ends[offsets], data.tobytes().decode(codec, "replace").encode("utf-8"))


def _widths(codec: str) -> NDArray[np.uint8]:
    return np.array([len(bytes([i]).decode(codec, "replace").encode("utf-8")) for i in range(256)], dtype=np.uint8)


_LATIN1, _CP1252 = _widths("latin-1"), _widths("cp1252")
#: UTF-16 units of the character that a byte of UTF-8 begins; those that continue one count for none.
_UNITS = np.repeat(np.array([1, 0, 1, 2], dtype=np.int64), [0x80, 0x40, 0x30, 0x10])
