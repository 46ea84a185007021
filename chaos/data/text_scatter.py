"""`chaos.data.columns.scattered` for text: other texts at some rows, of the same length or not.

What lies between two changed texts is copied as one piece. Chunks that lie behind one another in memory are written so
again, so that where texts keep their lengths, offsets are shared. A chunk without a changed text is shared altogether.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from chaos.data.columns import valid
from chaos.data.memory import pooled
from chaos.data.rows import I64

Bytes = NDArray[np.uint8]
#: Offsets, of the width that the type has.
Offsets = NDArray[Any]

#: Offsets moved at a time: what is made on the way stays in the L2 cache.
_OFFSETS = 1 << 15
#: The largest offset, by the bytes that it has.
_LARGEST = {4: (1 << 31) - 1, 8: (1 << 63) - 1}
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
    out: list[pa.Array] = []
    for run in _runs(list(_parts(chunks, rows, values))):
        if len(run[0].rows):
            out += _exchanged(run, new, ends[run[0].begin : run[-1].stop + 1])
        else:
            out.append(run[0].chunk)
    return pa.chunked_array(out, chunks[0].type)


@dataclass(frozen=True, slots=True)
class _Part:
    """A chunk, the rows of it that change, where these are among all that change, and what they become."""

    chunk: pa.Array
    rows: I64
    begin: int
    stop: int
    values: pa.Array
    offsets: Offsets


def _parts(chunks: Sequence[pa.Array], rows: I64, values: pa.Array) -> Iterator[_Part]:
    first = begin = 0
    for chunk in chunks:
        stop = int(np.searchsorted(rows, first + len(chunk)))
        own = rows[begin:stop] - first
        yield _Part(chunk, own, begin, stop, values.slice(begin, stop - begin), _offsets(chunk))
        first, begin = first + len(chunk), stop


def _runs(parts: Sequence[_Part]) -> Iterator[list[_Part]]:
    """Those that change and lie behind one another in one buffer, together."""
    run: list[_Part] = []
    for part in parts:
        if run and not _goes_on(run[-1], part):
            yield run
            run = []
        run.append(part)
    yield run


def _goes_on(before: _Part, part: _Part) -> bool:
    both_change = len(before.rows) and len(part.rows)
    return bool(
        both_change
        and before.offsets[-1] == part.offsets[0]
        and _buffer(before.chunk).address == _buffer(part.chunk).address
    )


def _offsets(array: pa.Array) -> Offsets:
    wide = np.int64 if pa.types.is_large_string(array.type) else np.int32
    if not len(array):  # which may lack the buffer
        return np.zeros(1, dtype=wide)
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


def _exchanged(run: Sequence[_Part], new: Bytes, ends: Offsets) -> list[pa.Array]:
    """The chunks with the texts that lie between ``ends`` in ``new`` at the rows that change."""
    count = len(ends) - 1
    begins, stops, growth = (pooled(count, ends.dtype) for _ in range(3))
    for part in run:  # with "clip" numpy needs no buffer between; no row is outside
        place = slice(part.begin - run[0].begin, part.stop - run[0].begin)
        part.offsets.take(part.rows, out=begins[place], mode="clip")
        part.offsets[1:].take(part.rows, out=stops[place], mode="clip")
    first, last = run[0].offsets[0], run[-1].offsets[-1]
    np.subtract(ends[1:], ends[:-1], out=growth)
    growth -= stops
    growth += begins
    if len(run) > 1 and int(last) - int(first) + int(growth.sum()) > _LARGEST[begins.dtype.itemsize]:
        at = run[0].begin
        return [array for part in run for array in _exchanged([part], new, ends[part.begin - at : part.stop - at + 1])]
    # Pieces: what stays and what goes take turns, beginning and ending with what stays.
    bounds = pooled(2 * count + 2, begins.dtype)
    bounds[0], bounds[1:-1:2], bounds[2:-1:2], bounds[-1] = first, begins, stops, last
    doubled = pooled(2 * count + 2, ends.dtype)
    doubled[::2] = doubled[1::2] = ends
    data = taking_turns(pieces(bounds, _buffer(run[0].chunk)), pieces(doubled, new))
    out = []
    moved = -first
    for part in run:
        grown = growth[part.begin - run[0].begin : part.stop - run[0].begin]
        offsets = _moved(part.offsets, part.rows, grown, moved)
        moved = moved + grown.sum(dtype=grown.dtype)
        buffers = [_validity(part.chunk, part.rows, part.values), pa.py_buffer(offsets), data]
        out.append(pa.Array.from_buffers(part.chunk.type, len(part.chunk), buffers))
    return out


def _buffer(chunk: pa.Array) -> pa.Buffer:
    return chunk.buffers()[2] or pa.py_buffer(b"")


def pieces(bounds: Offsets, data: Bytes | pa.Buffer) -> pa.Array:
    """The bytes between one bound and the next, as values."""
    kind = pa.large_binary() if bounds.dtype == np.int64 else pa.binary()
    return pa.Array.from_buffers(kind, len(bounds) - 1, [None, pa.py_buffer(bounds), pa.py_buffer(data)])


def taking_turns(even: pa.Array, odd: pa.Array) -> pa.Buffer:
    """The bytes of the pieces 0, 2, 4, ... of one array, and between them of 1, 3, 5, ... of another one."""
    bits = np.full(len(odd) // 8 + 1, 0b10101010, dtype=np.uint8)
    at_odd = pa.Array.from_buffers(pa.bool_(), len(odd), [None, pa.py_buffer(bits)])
    return pc.if_else(at_odd, odd, even).buffers()[2]


def _moved(offsets: Offsets, rows: I64, growth: Offsets, by: Any) -> Offsets:
    """The offsets, moved, and as far as the texts at these rows, ascending, have grown; shared if they stay."""
    grown = growth.any()
    if not grown and not by:
        return offsets
    out = pooled(len(offsets), offsets.dtype)
    if not grown:
        np.add(offsets, by, out=out)
        return out
    out[0], sizes = offsets[0] + by, out[1:]
    cuts = np.searchsorted(rows, np.arange(0, len(sizes) + _OFFSETS, _OFFSETS)).tolist()
    for place, first in enumerate(range(0, len(sizes), _OFFSETS)):
        block, old = sizes[first : first + _OFFSETS], offsets[first : first + _OFFSETS + 1]
        np.subtract(old[1:], old[:-1], out=block)
        hit = slice(cuts[place], cuts[place + 1])
        sizes[rows[hit]] += growth[hit]
        block[0] += out[first]
        np.cumsum(block, out=block)
    return out
