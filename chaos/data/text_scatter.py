"""`chaos.data.columns.scattered` for text: other texts at some rows, of the same length or not.

Every chunk of a column in which a text changes is written anew, once, and the others are shared. What lies between two
changed texts is copied as one piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from chaos.data.columns import valid
from chaos.data.rows import I64

Bytes = NDArray[np.uint8]
#: Offsets, of the width that the type has.
Offsets = NDArray[Any]

#: Offsets moved at a time: what is made on the way stays in the L2 cache.
_OFFSETS = 1 << 15
#: Chunks of fewer rows than this on average are made one first.
_SMALL = 1 << 12


def scattered_text(chunks: Sequence[pa.Array], rows: I64, values: pa.Array) -> pa.ChunkedArray:
    """The chunks with ``values`` at these rows, ascending.

    >>> scattered_text([pa.array(["a", "b"]), pa.array(["c"])], np.array([0, 2]), pa.array(["x", "yz"])).to_pylist()
    ['x', 'b', 'yz']
    """
    total = sum(map(len, chunks))
    if len(chunks) > 1 and total < _SMALL * len(chunks):
        chunks = [pa.concat_arrays(chunks)]
    filled = pc.fill_null(values, "") if values.null_count else values
    new, ends = _bytes(filled), _offsets(filled)
    ends = ends - ends[0]
    out = []
    first = begin = 0
    for chunk in chunks:
        stop = int(np.searchsorted(rows, first + len(chunk)))
        if stop > begin:
            own = rows[begin:stop] - first
            validity = _validity(chunk, own, values.slice(begin, stop - begin))
            out.append(_exchanged(chunk, own, new, ends[begin : stop + 1], validity))
        else:
            out.append(chunk)
        first, begin = first + len(chunk), stop
    return pa.chunked_array(out, chunks[0].type)


def _offsets(array: pa.Array) -> Offsets:
    wide = np.int64 if pa.types.is_large_string(array.type) else np.int32
    offsets: Offsets = np.frombuffer(array.buffers()[1], dtype=wide)[array.offset : array.offset + len(array) + 1]
    return offsets


def _bytes(array: pa.Array) -> Bytes:
    """The bytes of all texts, one behind the other."""
    buffer, offsets = array.buffers()[2], _offsets(array)
    if buffer is None:
        return np.empty(0, dtype=np.uint8)
    return np.frombuffer(buffer, dtype=np.uint8)[offsets[0] : offsets[-1]]


def _validity(chunk: pa.Array, rows: I64, values: pa.Array) -> pa.Buffer | None:
    if not (values.null_count or chunk.null_count):
        return None
    bits = valid(chunk).copy()
    bits[rows] = valid(values)
    return pa.py_buffer(np.packbits(bits, bitorder="little"))


def _exchanged(chunk: pa.Array, rows: I64, new: Bytes, ends: Offsets, validity: pa.Buffer | None) -> pa.Array:
    """The chunk with the texts that lie between ``ends`` in ``new`` at these rows."""
    old = _offsets(chunk)
    begins, stops = old.take(rows), old.take(rows + 1)
    growth = np.diff(ends)
    growth -= stops
    growth += begins
    # Pieces: what stays and what goes take turns, beginning and ending with what stays.
    count = 2 * len(rows) + 1
    bounds = _allocated(count + 1, old.dtype)
    bounds[0], bounds[1:-1:2], bounds[2:-1:2], bounds[-1] = old[0], begins, stops, old[-1]
    doubled = _allocated(count + 1, ends.dtype)
    doubled[::2] = doubled[1::2] = ends
    data = pc.if_else(_every_other(count), _pieces(doubled, new), _pieces(bounds, _buffer(chunk)))
    offsets = _moved(old, rows, growth) if growth.any() or old[0] else old
    return pa.Array.from_buffers(chunk.type, len(chunk), [validity, pa.py_buffer(offsets), data.buffers()[2]])


def _allocated(count: int, dtype: np.dtype[Any]) -> Offsets:
    """An array in memory from Arrow's pool, which keeps what was freed: fresh pages cost more than the work on them."""
    return np.frombuffer(pa.allocate_buffer(count * dtype.itemsize), dtype=dtype)


def _buffer(chunk: pa.Array) -> pa.Buffer:
    return chunk.buffers()[2] or pa.py_buffer(b"")


def _pieces(bounds: Offsets, data: Bytes | pa.Buffer) -> pa.Array:
    kind = pa.large_binary() if bounds.dtype == np.int64 else pa.binary()
    return pa.Array.from_buffers(kind, len(bounds) - 1, [None, pa.py_buffer(bounds), pa.py_buffer(data)])


def _every_other(count: int) -> pa.Array:
    """Flags that are set at 1, 3, 5, ..."""
    bits = np.full(count // 8 + 1, 0b10101010, dtype=np.uint8)
    return pa.Array.from_buffers(pa.bool_(), count, [None, pa.py_buffer(bits)])


def _moved(offsets: Offsets, rows: I64, growth: Offsets) -> Offsets:
    """The offsets, from 0, moved as far as the texts at these rows, ascending, have grown."""
    out = _allocated(len(offsets), offsets.dtype)
    out[0], old, new = 0, offsets[1:], out[1:]
    shift = np.empty(min(_OFFSETS, len(old)), dtype=offsets.dtype)
    cuts = np.searchsorted(rows, np.arange(0, len(old) + _OFFSETS, _OFFSETS)).tolist()
    total = -offsets[0]
    for place, first in enumerate(range(0, len(old), _OFFSETS)):
        block = shift[: min(_OFFSETS, len(old) - first)]
        block.fill(0)
        hit = slice(cuts[place], cuts[place + 1])
        block[rows[hit] - first] = growth[hit]
        block[0] += total
        np.cumsum(block, out=block)
        total = block[-1]
        np.add(old[first : first + _OFFSETS], block, out=new[first : first + _OFFSETS])
    return out
