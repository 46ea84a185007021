"""Kernels on one column: a copy of its values, some of them changed, in the same Arrow layout.

Nothing here writes into a buffer that it did not make, and only what changes is copied: nulling a column makes a new
validity bitmap and shares the values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from chaos.data.rows import I64

Floats = NDArray[np.float64]


def whole(table: pa.Table, name: str) -> pa.Array:
    """The column as one array."""
    return joined(table.column(name))


def joined(column: pa.ChunkedArray) -> pa.Array:
    """All chunks in one, copied only if there are several."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def replaced(table: pa.Table, name: str, array: pa.Array) -> pa.Table:
    """The table with the column's values replaced by an array of the same type."""
    index = table.schema.get_field_index(name)
    field = table.schema.field(index)
    if array.null_count and not field.nullable:
        field = field.with_nullable(True)
    return table.set_column(index, field, array)


def _validity(array: pa.Array, nulled: I64 | None = None) -> pa.Buffer | None:
    """The validity bitmap of the array from its own first row, with some more rows null."""
    if nulled is None and not array.null_count:
        return None
    valid = np.ones(len(array), dtype=bool)
    if array.null_count:
        valid = np.array(array.is_valid().to_numpy(zero_copy_only=False))
    if nulled is not None:
        valid[nulled] = False
    return pa.py_buffer(np.packbits(valid, bitorder="little"))


def with_nulls(array: pa.Array, rows: I64) -> pa.Array:
    """The array with these rows null. The values are shared, not copied; the type stays.

    >>> with_nulls(pa.array([1, 2, 3]), np.array([1])).to_pylist()
    [1, None, 3]
    """
    if not len(rows) or pa.types.is_null(array.type):
        return array
    if pa.types.is_dictionary(array.type):
        indices = with_nulls(array.indices, rows)
        return pa.DictionaryArray.from_arrays(indices, array.dictionary, ordered=array.type.ordered)
    if array.type.num_fields or pa.types.is_string_view(array.type) or pa.types.is_binary_view(array.type):
        mask = np.zeros(len(array), dtype=bool)
        mask[rows] = True
        return pc.if_else(pa.array(mask), pa.scalar(None, array.type), array)
    if array.offset:
        # A bitmap starts at the buffers' first row, so the slice is moved there; only a slice pays for it.
        array = pa.concat_arrays([array, pa.array([], array.type)])
        if array.offset:
            array = array.take(pa.array(np.arange(len(array))))
    buffers = array.buffers()
    return pa.Array.from_buffers(array.type, len(array), [_validity(array, rows), *buffers[1:]])


def scattered(array: pa.Array, rows: I64, values: pa.Array) -> pa.Array:
    """The array with ``values`` at these rows, ascending.

    >>> scattered(pa.array(["a", "b", "c"]), np.array([0, 2]), pa.array(["x", None])).to_pylist()
    ['x', 'b', None]
    """
    if pa.types.is_dictionary(array.type) or array.type.num_fields or pa.types.is_null(array.type):
        order = np.arange(len(array))
        order[rows] = len(array) + np.arange(len(rows))
        return pa.concat_arrays([array, values]).take(pa.array(order))
    mask = np.zeros(len(array), dtype=bool)
    mask[rows] = True
    return pc.replace_with_mask(array, pa.array(mask), values)


def mapped(array: pa.Array, rows: I64, change: Callable[[Floats], Floats]) -> pa.Array:
    """The numeric array with ``change`` applied to these rows; nulls and NaN stay.

    Whole numbers are rounded half to even and clipped to what their type can hold.

    >>> mapped(pa.array([32, 212], pa.int16()), np.array([1]), lambda v: (v - 32) / 1.8).to_pylist()
    [32, 100]
    """
    kind = array.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return _mapped_decimal(array, rows, change)
    dtype = np.dtype(kind.to_pandas_dtype())
    data = np.frombuffer(array.buffers()[1], dtype=dtype)[array.offset : array.offset + len(array)].copy()
    data[rows] = _fitted(change(data[rows].astype(np.float64)), dtype)
    return pa.Array.from_buffers(kind, len(data), [_validity(array), pa.py_buffer(data)])


def _fitted(values: Floats, dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return values.astype(dtype)
    limits = np.iinfo(dtype)
    rounded = np.rint(values)
    # float(2**63 - 1) is 2**63, one too many: what reaches the limits is set from the integers.
    high, low = rounded >= float(limits.max), rounded <= float(limits.min)
    out = np.where(high | low | np.isnan(rounded), 0.0, rounded).astype(dtype)
    out[high] = limits.max
    out[low] = limits.min
    return out


def _mapped_decimal(array: pa.Array, rows: I64, change: Callable[[Floats], Floats]) -> pa.Array:
    mask = np.zeros(len(array), dtype=bool)
    mask[rows] = True
    victims = array.filter(pa.array(mask))
    floats = victims.cast(pa.float64()).to_numpy(zero_copy_only=False)
    largest = 10.0 ** (array.type.precision - array.type.scale - 1)
    new = np.clip(change(np.asarray(floats, dtype=np.float64)), -largest, largest)
    scaled = pc.round(pa.array(new, from_pandas=True), ndigits=array.type.scale).cast(array.type, safe=False)
    return pc.replace_with_mask(array, pa.array(mask), scaled)


def differs(old: pa.Array, new: pa.Array) -> NDArray[np.bool_]:
    """Where two arrays of one type hold different values; null equals null and NaN equals NaN."""
    if not len(old):
        return np.zeros(0, dtype=bool)
    if pa.types.is_dictionary(old.type):
        old, new = old.dictionary_decode(), new.dictionary_decode()
    if old.type.num_fields:
        return np.array([a != b for a, b in zip(old.to_pylist(), new.to_pylist(), strict=True)], dtype=bool)
    unequal = np.array(pc.fill_null(pc.not_equal(old, new), False).to_numpy(zero_copy_only=False))
    if pa.types.is_floating(old.type):
        both_nan = pc.fill_null(pc.and_(pc.is_nan(old), pc.is_nan(new)), False)
        unequal &= ~np.asarray(both_nan.to_numpy(zero_copy_only=False))
    if old.null_count or new.null_count:
        old_null = np.asarray(old.is_null().to_numpy(zero_copy_only=False))
        unequal |= old_null ^ np.asarray(new.is_null().to_numpy(zero_copy_only=False))
    return unequal
