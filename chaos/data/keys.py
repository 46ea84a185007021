"""Row ids from key columns: an order-sensitive 64-bit hash of the values, the same for every container."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chaos.data.row_hash import GAMMA, U64, splitmix64
from chaos.data.rows import Keys, Positions, RowIds
from chaos.data.source import Cells

#: What a missing key value hashes to.
_NULL = np.uint64(0xA5A5_0F0F_3C3C_9999)

_DAY_US = 86_400_000_000


def row_ids(cells: Cells, key: Sequence[str], start: int) -> RowIds:
    """Ids by the key columns, or by position from ``start`` if there are none.

    >>> from chaos.data.source import TableCells
    >>> table = pa.table({"origin": ["JFK", "LGA"], "hour": [1, 1]})
    >>> ids = row_ids(TableCells(table), ["origin", "hour"], 0).ids.tolist()
    >>> ids[1:] == row_ids(TableCells(table.slice(1)), ["origin", "hour"], 99).ids.tolist()
    True
    """
    if not key:
        return Positions(start, cells.rows)
    ids = np.zeros(cells.rows, dtype=np.uint64)
    for name in key:
        ids = splitmix64(ids * GAMMA + _value_hashes(cells.whole(name)))
    return Keys(ids)


def _value_hashes(array: pa.Array) -> U64:
    if isinstance(array, pa.ExtensionArray):  # as a UUID, whose bytes it is
        array = array.storage
    if pa.types.is_floating(array.type):
        return _float_hashes(array)
    hashed = _text_hashes(array) if _is_text(array.type) else splitmix64(_bits(array))
    if array.null_count:
        hashed[np.asarray(array.is_null().to_numpy(zero_copy_only=False))] = _NULL
    return hashed


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
        or pa.types.is_string_view(kind)
    )


def _float_hashes(array: pa.Array) -> U64:
    """As pandas has them: what is no number counts as missing, and whole numbers are those of a column of integers."""
    values = array.cast(pa.float64()).to_numpy(zero_copy_only=False) + 0.0  # one zero only
    missing = np.isnan(values)
    bits = values.view(np.uint64).copy()
    whole = np.flatnonzero((values == np.rint(values)) & (np.abs(values) < 2.0**63))
    bits[whole] = values[whole].astype(np.int64).view(np.uint64)
    hashed = splitmix64(bits)
    hashed[missing] = _NULL
    return hashed


def _bits(array: pa.Array) -> U64:
    """Equal values of one logical type give equal bits, whatever their width, unit or scale.

    A date is its midnight: polars has no dates in milliseconds, and makes moments of them.
    """
    kind = array.type
    if pa.types.is_timestamp(kind):
        array = array.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.int64())
    elif pa.types.is_time(kind):
        array = array.cast(pa.time64("ns")).cast(pa.int64())
    elif pa.types.is_duration(kind):
        array = array.cast(pa.duration("ns"), safe=False).cast(pa.int64())
    elif pa.types.is_date(kind):
        array = pc.multiply(array.cast(pa.date32(), safe=False).cast(pa.int32()).cast(pa.int64()), _DAY_US)
    elif pa.types.is_uint64(kind):
        return np.array(pc.fill_null(array, 0).to_numpy(zero_copy_only=False), dtype=np.uint64)
    elif not (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        written = _decimal if pa.types.is_decimal(kind) else repr
        return _text_hashes(pa.array([None if v is None else written(v) for v in array.to_pylist()], pa.string()))
    values = pc.fill_null(array.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    return np.array(values, dtype=np.int64).view(np.uint64)


def _decimal(value: Decimal) -> str:
    """The number without the zeros that its scale writes behind it.

    >>> _decimal(Decimal("5.00")), _decimal(Decimal("5E+1"))
    ('5', '50')
    """
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _text_hashes(array: pa.Array) -> U64:
    """Tabulation-like: the sum over a value's bytes of a hash of (place, byte), mixed with the length."""
    array = array.cast(pa.large_binary())
    if array.null_count:
        array = pc.fill_null(array, b"")
    if not len(array):
        return np.empty(0, dtype=np.uint64)
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    lengths = np.diff(offsets)
    raw = array.buffers()[2]
    if raw is None or offsets[-1] == offsets[0]:
        return splitmix64(lengths.astype(np.uint64) * GAMMA)  # as below: other batches have the same empty texts
    data = np.frombuffer(raw, dtype=np.uint8)[offsets[0] : offsets[-1]].astype(np.uint64)
    starts = offsets[:-1] - offsets[0]
    place = np.arange(len(data), dtype=np.int64) - np.repeat(starts, lengths)
    mixed = splitmix64((place.astype(np.uint64) << np.uint64(8) | data) * GAMMA + GAMMA)
    sums = np.zeros(len(data) + 1, dtype=np.uint64)
    np.cumsum(mixed, out=sums[1:])
    totals = sums[offsets[1:] - offsets[0]] - sums[starts]
    return splitmix64(totals + lengths.astype(np.uint64) * GAMMA)
