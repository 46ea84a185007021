"""`chaos.data.columns.scattered` for text: other texts at some rows, of the same length or not.

The chunks of a column are copied into one, in memory from Arrow's pool, and the copy is written to.
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

#: Bytes written (about), and offsets moved, at a time: what is made on the way stays in the L2 cache.
_BYTES, _OFFSETS = 1 << 15, 1 << 15


def scattered_text(chunks: Sequence[pa.Array], rows: I64, values: pa.Array) -> pa.Array:
    """The chunks as one array, with ``values`` at these rows, ascending.

    >>> scattered_text([pa.array(["a", "b"]), pa.array(["c"])], np.array([0, 2]), pa.array(["x", "yz"])).to_pylist()
    ['x', 'b', 'yz']
    """
    validity = _validity(chunks, rows, values)
    if values.null_count:
        values = pc.fill_null(values, "")
    new, ends = _bytes(values), _offsets(values)
    data, offsets = _copied(chunks, new)
    begins, lengths = offsets.take(rows), np.diff(ends)
    growth = lengths - (offsets.take(rows + 1) - begins)
    buffer = pa.py_buffer(data)
    if growth.any():
        buffer = _exchanged(buffer, offsets, rows, ends)
        _move(offsets, rows, growth)
    else:
        _overwrite(data, begins, new, lengths)
    return pa.Array.from_buffers(chunks[0].type, len(offsets) - 1, [validity, pa.py_buffer(offsets), buffer])


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


def _copied(chunks: Sequence[pa.Array], more: Bytes) -> tuple[Bytes, Offsets]:
    """The bytes of all chunks and some more behind them, and where each text of the chunks begins and ends.

    Both may be written to.
    """
    parts = [*(_bytes(chunk) for chunk in chunks), more]
    data: Bytes = _allocated(sum(len(part) for part in parts), np.dtype(np.uint8))
    np.concatenate(parts, out=data)
    offsets = _allocated(sum(len(chunk) for chunk in chunks) + 1, _offsets(chunks[0]).dtype)
    offsets[0] = begin = row = 0
    for chunk in chunks:
        own = _offsets(chunk)
        np.add(own[1:], begin - own[0], out=offsets[row + 1 : row + len(own)])
        begin += own[-1] - own[0]
        row += len(chunk)
    return data, offsets


def _allocated(count: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.frombuffer(pa.allocate_buffer(count * dtype.itemsize), dtype=dtype)


def _validity(chunks: Sequence[pa.Array], rows: I64, values: pa.Array) -> pa.Buffer | None:
    if not (values.null_count or any(chunk.null_count for chunk in chunks)):
        return None
    bits = np.concatenate([valid(chunk) for chunk in chunks])
    bits[rows] = valid(values)
    return pa.py_buffer(np.packbits(bits, bitorder="little"))


def _overwrite(data: Bytes, begins: Offsets, new: Bytes, lengths: Offsets) -> None:
    """Write the new texts over those that begin at ``begins`` and are as long."""
    done = 0
    texts = max(_BYTES * len(begins) // max(len(new), 1), 1)
    for first in range(0, len(begins), texts):
        count = lengths[first : first + texts]
        ends = np.cumsum(count, dtype=np.int64)
        places = np.repeat(begins[first : first + texts] - (ends - count), count)
        places += np.arange(len(places))
        data[places] = new[done : done + len(places)]
        done += len(places)


def _exchanged(data: pa.Buffer, offsets: Offsets, rows: I64, ends: Offsets) -> pa.Buffer:
    """The bytes with the new texts, which stand behind the data proper, at these rows.

    What lies between two of them is copied as one piece.
    """
    binary = pa.large_binary() if offsets.dtype == np.int64 else pa.binary()
    count = 2 * len(rows) + 1
    bounds = np.empty(count + len(ends), dtype=offsets.dtype)
    bounds[0], bounds[1:count:2], bounds[2:count:2] = 0, offsets.take(rows), offsets.take(rows + 1)
    np.add(ends, offsets[-1] - ends[0], out=bounds[count:])
    pieces = pa.Array.from_buffers(binary, len(bounds) - 1, [None, pa.py_buffer(bounds), data])
    order = np.arange(count)
    order[1::2] = np.arange(count, len(pieces))
    return pieces.take(pa.array(order)).buffers()[2]


def _move(offsets: Offsets, rows: I64, growth: Offsets) -> None:
    """Move the offsets as far as the texts at these rows, ascending, have grown."""
    ends = offsets[1:]
    shift = np.empty(min(_OFFSETS, len(ends)), dtype=offsets.dtype)
    cuts = np.searchsorted(rows, np.arange(0, len(ends) + _OFFSETS, _OFFSETS)).tolist()
    total = 0
    for place, first in enumerate(range(0, len(ends), _OFFSETS)):
        own = ends[first : first + _OFFSETS]
        block = shift[: len(own)]
        block.fill(0)
        hit = slice(cuts[place], cuts[place + 1])
        block[rows[hit] - first] = growth[hit]
        block[0] += total
        np.cumsum(block, out=block)
        total = block[-1]
        own += block
