"""Kernels on one column: gather some cells, change them, scatter them into a copy, in the same Arrow layout.

Nothing here writes into a buffer that it did not make, and only what changes is copied.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from chaos.data.decimals import largest_units, of_units, units
from chaos.data.rows import I64

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: From here on a float may stand for several whole numbers.
FLOAT_WHOLE = 2**53


def is_text(kind: pa.DataType) -> bool:
    """Whether a column of this type holds texts.

    >>> is_text(pa.large_string()), is_text(pa.binary())
    (True, False)
    """
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_number(kind: pa.DataType) -> bool:
    """Whether a column of this type holds numbers.

    >>> is_number(pa.decimal128(5, 2)), is_number(pa.bool_())
    (True, False)
    """
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def whole(table: pa.Table, name: str) -> pa.Array:
    """The column as one array."""
    return joined(table.column(name))


def joined(column: pa.ChunkedArray) -> pa.Array:
    """All chunks in one, copied only if there are several."""
    if column.num_chunks == 1:
        return column.chunk(0)
    chunks = [_without_null_word(chunk) for chunk in column.chunks] if _has_null_word(column) else column.chunks
    return pa.concat_arrays(chunks) if chunks else pa.array([], column.type)


def _has_null_word(column: pa.ChunkedArray) -> bool:
    """Whether a null is among the words of a dictionary: chunks of these Arrow does not put together."""
    return pa.types.is_dictionary(column.type) and any(chunk.dictionary.null_count for chunk in column.chunks)


def _without_null_word(array: pa.DictionaryArray) -> pa.DictionaryArray:
    """The same values, those that pointed to a null null themselves."""
    words = array.dictionary
    if not words.null_count:
        return array
    kept = valid(words)
    places = pa.array(np.cumsum(kept) - 1, mask=~kept).cast(array.type.index_type)
    return pa.DictionaryArray.from_arrays(places.take(array.indices), words.drop_null(), ordered=array.type.ordered)


def taken(table: pa.Table, order: I64) -> pa.Table:
    """The table's rows in this order."""
    odd = [i for i, field in enumerate(table.schema) if is_laid_out_otherwise(field.type)]
    laid_out = table
    for i, column in enumerate(table.columns):
        if column.num_chunks > 1 and _has_null_word(column):
            laid_out = laid_out.set_column(i, table.schema.field(i), joined(column))
    for i in odd:  # Arrow takes nothing from views and runs
        laid_out = laid_out.set_column(i, table.schema.names[i], _laid_out(table.column(i)))
    out = laid_out.take(pa.array(order))
    for i in odd:
        out = out.set_column(i, table.schema.field(i), _in_layout(joined(out.column(i)), table.schema.types[i]))
    return out


def gathered(column: pa.ChunkedArray, rows: I64) -> pa.Array:
    """The values at these rows, ascending, as one array; views laid out in a row.

    >>> gathered(pa.chunked_array([[1, 2], [3]]), np.array([1, 2])).to_pylist()
    [2, 3]
    """
    column = _laid_out(column)
    if column.num_chunks < 2 or pa.types.is_dictionary(column.type):
        return joined(column).take(pa.array(rows))
    found = []
    first = begin = 0
    for chunk in column.chunks:
        stop = int(np.searchsorted(rows, first + len(chunk)))
        found.append(pc.take(chunk, pa.array(rows[begin:stop] - first), boundscheck=False))
        first, begin = first + len(chunk), stop
    return pa.concat_arrays(found)


def scattered_over(column: pa.ChunkedArray, rows: I64, values: pa.Array) -> pa.ChunkedArray:
    """`scattered` on a column in chunks; those of a column of text stay, others become one."""
    if not len(rows) or not is_text(column.type):
        return pa.chunked_array([scattered(joined(column), rows, values)])
    from chaos.data.text_scatter import scattered_text

    return scattered_text(column.chunks, rows, values)


def plain(array: pa.Array) -> pa.Array:
    """The array's values without a dictionary, and laid out in a row rather than as views or runs."""
    if pa.types.is_dictionary(array.type):
        return plain(array.dictionary_decode())
    if pa.types.is_run_end_encoded(array.type):
        return plain(pc.run_end_decode(array))
    kind = value_type(array.type)
    return array if kind == array.type else array.cast(kind)


def value_type(kind: pa.DataType) -> pa.DataType:
    """The type of `plain`'s values."""
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return value_type(kind.value_type)
    if pa.types.is_string_view(kind):  # Arrow's kernels do not take views everywhere
        return pa.large_string()
    return pa.large_binary() if pa.types.is_binary_view(kind) else kind


def _is_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string_view(kind) or pa.types.is_binary_view(kind))


def is_laid_out_otherwise(kind: pa.DataType) -> bool:
    """Whether values of the type are views or runs, from which Arrow takes nothing.

    >>> is_laid_out_otherwise(pa.string_view()), is_laid_out_otherwise(pa.string())
    (True, False)
    """
    return _is_view(kind) or bool(pa.types.is_run_end_encoded(kind))


def _laid_out(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Views and runs as values in a row; all else as it is."""
    if pa.types.is_run_end_encoded(column.type):
        return pa.chunked_array([plain(chunk) for chunk in column.chunks], value_type(column.type))
    return column.cast(value_type(column.type)) if _is_view(column.type) else column


def _in_layout(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Plain values in the type that they were laid out from."""
    if not pa.types.is_run_end_encoded(kind):
        return values.cast(kind)
    encoded = pc.run_end_encode(_in_layout(values, kind.value_type), run_end_type=kind.run_end_type)
    return encoded if encoded.type == kind else encoded.cast(kind)


def replaced(table: pa.Table, name: str, array: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The table with the column's values replaced by some of the same type."""
    index = table.schema.get_field_index(name)
    field = table.schema.field(index)
    if array.null_count and not field.nullable:
        field = field.with_nullable(True)
    return table.set_column(index, field.with_type(array.type), array)


def valid(array: pa.Array) -> Flags:
    """One flag a row: it has a value."""
    if not array.null_count:
        return np.ones(len(array), dtype=bool)
    return np.asarray(array.is_valid().to_numpy(zero_copy_only=False))


def flags(array: pa.Array) -> Flags:
    """Booleans as numpy's, null as false."""
    filled = pc.fill_null(array, False) if array.null_count else array
    return np.asarray(filled.to_numpy(zero_copy_only=False))


def scattered(array: pa.Array, rows: I64, values: pa.Array) -> pa.Array:
    """The array with ``values`` at these rows, ascending. A dictionary grows by the values that it lacks.

    >>> scattered(pa.array(["a", "b", "c"]), np.array([0, 2]), pa.array(["x", None])).to_pylist()
    ['x', 'b', None]
    """
    kind = array.type
    if not len(rows) or pa.types.is_null(kind):
        return array
    if pa.types.is_dictionary(kind):
        return _scattered_dictionary(array, rows, values)
    if fixed_width(kind):
        data = numbers(array).copy()
        data[rows] = numbers(values)
        return pa.Array.from_buffers(kind, len(data), [_validity(array, rows, values), pa.py_buffer(data)])
    if value_type(kind) != kind:
        return _in_layout(scattered(plain(array), rows, values), kind)
    if is_text(kind):
        from chaos.data.text_scatter import scattered_text

        return scattered_text([array], rows, values).chunk(0)
    order = np.arange(len(array))
    order[rows] = np.arange(len(array), len(array) + len(rows))
    return pa.concat_arrays([array, values]).take(pa.array(order))


def _scattered_dictionary(array: pa.Array, rows: I64, values: pa.Array) -> pa.Array:
    words, places = in_words(array.dictionary, values)
    indices = array.indices
    if len(words) - 1 > np.iinfo(indices.type.to_pandas_dtype()).max:
        indices = indices.cast(pa.int32())
    indices = scattered(indices, rows, places.cast(indices.type))
    return pa.DictionaryArray.from_arrays(indices, words, ordered=array.type.ordered)


def in_words(words: pa.Array, values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The words with those behind them that are lacking, and the place of each value among them.

    >>> words, places = in_words(pa.array(["a", "b"]), pa.array(["b", "c", None]))
    >>> words.to_pylist(), places.to_pylist()
    (['a', 'b', 'c'], [1, 2, None])
    """
    if pa.types.is_dictionary(values.type):
        if values.dictionary.equals(words):
            return words, values.indices
        words, places = in_words(words, values.dictionary)
        return words, places.take(values.indices)
    values = values if values.type == words.type else values.cast(words.type)
    places = pc.index_in(values, words)
    if places.null_count:
        new = pc.and_(values.is_valid(), places.is_null())
        if pc.any(new).as_py():
            words = pa.concat_arrays([words, values.filter(new).unique()])
            places = pc.index_in(values, words)
    return words, places


def _validity(array: pa.Array, rows: I64, values: pa.Array) -> pa.Buffer | None:
    if not (array.null_count or values.null_count):
        return None
    bits = valid(array).copy()
    bits[rows] = valid(values)
    return pa.py_buffer(np.packbits(bits, bitorder="little"))


def fixed_width(kind: pa.DataType) -> bool:
    """Whether the values lie in one buffer as whole bytes that numpy has a type for."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_timestamp(kind)
        or pa.types.is_date(kind)
        or pa.types.is_time(kind)
        or pa.types.is_duration(kind)
    )


def numbers(array: pa.Array) -> NDArray[Any]:
    """The value buffer of a fixed-width array as it is: what stands under a null is arbitrary."""
    kind = array.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        dtype = np.dtype(kind.to_pandas_dtype())
    else:
        dtype = np.dtype(f"i{kind.bit_width // 8}")
    buffer = array.buffers()[1]
    if buffer is None:
        return np.zeros(len(array), dtype=dtype)
    return np.frombuffer(buffer, dtype=dtype)[array.offset : array.offset + len(array)]


def with_numbers(array: pa.Array, data: NDArray[Any]) -> pa.Array:
    """An array of the type and with the nulls of ``array``, and these values (a buffer of `numbers`)."""
    bits = None if not array.null_count else pa.py_buffer(np.packbits(valid(array), bitorder="little"))
    return pa.Array.from_buffers(array.type, len(array), [bits, pa.py_buffer(np.ascontiguousarray(data))])


def floats(array: pa.Array) -> Floats:
    """Numbers and flags as floats, null as NaN."""
    array = plain(array)
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.int8())
    cast = array.cast(pa.float64(), safe=False)
    return np.asarray(cast.to_numpy(zero_copy_only=False), dtype=np.float64)


def mapped(array: pa.Array, change: Callable[[Floats], Floats]) -> pa.Array:
    """The numeric array with ``change`` applied; nulls and NaN stay.

    Whole numbers are rounded half to even and clipped to what their type can hold. A value keeps every digit, even
    those that no float has room for, where its float stays the same or only changes its sign.

    >>> mapped(pa.array([212, None], pa.int16()), lambda v: (v - 32) / 1.8).to_pylist()
    [100, None]
    >>> mapped(pa.array([2**53 + 1]), lambda v: -v).to_pylist() == [-(2**53) - 1]
    True
    """
    if pa.types.is_decimal(array.type):
        return _mapped_decimal(array, change)
    data = numbers(array)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        if data.dtype.kind in "iu" and beyond_floats(data):
            return with_numbers(array, _exactly(data, change))
        new = fitted(change(data.astype(np.float64, copy=False)), data.dtype)
    if data.dtype.kind == "f" and (unknown := np.isnan(data)).any():
        new = np.where(unknown, data, new)
    return with_numbers(array, new)


def _exactly(data: NDArray[Any], change: Callable[[Floats], Floats]) -> NDArray[Any]:
    old = data.astype(np.float64)
    changed = change(old)
    new = np.where(changed == old, data, fitted(changed, data.dtype))
    if data.dtype.kind == "i":  # the lowest number has no opposite
        new = np.where((changed == -old) & (data != np.iinfo(data.dtype).min), -data, new)
    return new


def beyond_floats(data: NDArray[Any]) -> bool:
    """Whether some of these whole numbers are so large that a float may stand for several of that size.

    >>> beyond_floats(np.array([2**53 - 1])), beyond_floats(np.array([2**53]))
    (False, True)
    """
    if data.dtype.itemsize < 8 or not len(data):
        return False
    return bool(data.max() >= FLOAT_WHOLE or data.min() <= -FLOAT_WHOLE)


def large_numbers(data: NDArray[Any]) -> I64:
    """The places of those whole numbers.

    >>> large_numbers(np.array([1, -(2**60), 2**53])).tolist()
    [1, 2]
    """
    if not beyond_floats(data):
        return np.zeros(0, dtype=np.int64)
    large = data >= FLOAT_WHOLE
    if data.dtype.kind == "i":
        large |= data <= -FLOAT_WHOLE
    return np.flatnonzero(large)


def fitted(values: Floats, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Floats in a numeric dtype: whole numbers rounded half to even and clipped to the limits; NaN becomes 0."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    rounded = np.rint(values)
    # float(2**63 - 1) is 2**63, one too many: what reaches the limits is set from the integers.
    high, low = rounded >= float(limits.max), rounded <= float(limits.min)
    out = np.where(high | low | np.isnan(rounded), 0.0, rounded).astype(dtype)
    out[high] = limits.max
    out[low] = limits.min
    return out


def _mapped_decimal(array: pa.Array, change: Callable[[Floats], Floats]) -> pa.Array:
    kind = array.type
    old, before = floats(array), units(array)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        changed = change(old)
        rounded = np.round(changed, kind.scale)  # not with Arrow, which loses digits beyond the tenth
    largest = largest_units(kind)
    edge = float(largest_decimal(kind))
    # The float of the largest value may be one too many: what reaches it is set from the whole number.
    high, low = rounded >= edge, rounded <= -edge
    new = units(pa.array(np.where(high | low, 0.0, rounded), from_pandas=True).cast(kind, safe=False))
    new[high], new[low] = largest, -largest
    new = np.where(changed == -old, -before, new)
    new = np.where(changed == old, before, new)
    return of_units(new, kind, ~valid(array) if array.null_count else None)


def largest_decimal(kind: pa.DataType) -> Decimal:
    """The largest value that a type of decimals has.

    >>> largest_decimal(pa.decimal128(5, 2))
    Decimal('999.99')
    """
    return Decimal((0, (9,) * kind.precision, -kind.scale))


def picked(condition: Flags, yes: pa.Array, no: pa.Array) -> pa.Array:
    """``yes`` where the condition holds, ``no`` elsewhere; of any type."""
    if condition.all():
        return yes
    order = np.where(condition, np.arange(len(yes)), np.arange(len(yes), 2 * len(yes)))
    return pa.concat_arrays([yes, no]).take(pa.array(order))


def differs(old: pa.Array, new: pa.Array) -> Flags:
    """Where two arrays of one type hold different values; null equals null and NaN equals NaN.

    Zero and minus zero are different values here, so that a revert from the ledger is exact to the bit.
    """
    if not len(old):
        return np.zeros(0, dtype=bool)
    if new.null_count == len(new):
        return valid(plain(old))  # a word may be null too
    if _same_words(old, new):
        old, new = old.indices, new.indices  # of any widths, which numpy compares as they are
    old, new = plain(old), plain(new)
    if isinstance(old, pa.ExtensionArray):  # as a UUID, which is compared by its bytes
        old, new = old.storage, new.storage
    kind = old.type
    if kind.num_fields:
        return np.array([a != b for a, b in zip(old.to_pylist(), new.to_pylist(), strict=True)], dtype=bool)
    if fixed_width(kind):
        unequal = _numbers_differ(numbers(old), numbers(new))
    elif pa.types.is_decimal(kind) or pa.types.is_interval(kind):  # some of which Arrow does not compare
        unequal = (_raw_bytes(old) != _raw_bytes(new)).any(axis=1)
    else:
        unequal = flags(pc.not_equal(old, new)).copy()
    if old.null_count or new.null_count:
        both = valid(old), valid(new)
        unequal = np.where(both[0] & both[1], unequal, both[0] ^ both[1])
    return unequal


def _raw_bytes(array: pa.Array) -> NDArray[np.uint8]:
    """The bytes of an array of fixed width, a row a value; what stands under a null is arbitrary."""
    width = array.type.bit_width // 8
    buffer = array.buffers()[1]
    if buffer is None:
        return np.zeros((len(array), width), dtype=np.uint8)
    every = np.frombuffer(buffer, dtype=np.uint8)
    return every[array.offset * width : (array.offset + len(array)) * width].reshape(-1, width)


def _same_words(old: pa.Array, new: pa.Array) -> bool:
    """Whether the new dictionary is the old one, with more words behind it perhaps, so that places tell values."""
    if not (pa.types.is_dictionary(old.type) and pa.types.is_dictionary(new.type)):
        return False
    return bool(new.dictionary.slice(0, len(old.dictionary)).equals(old.dictionary))


def _numbers_differ(old: NDArray[Any], new: NDArray[Any]) -> Flags:
    if old.dtype.kind != "f":
        return np.asarray(old != new)
    bits = np.dtype(f"u{old.dtype.itemsize}")
    unequal = old.view(bits) != new.view(bits)
    if (unknown := np.isnan(old)).any():
        unequal &= ~(unknown & np.isnan(new))
    return np.asarray(unequal)
