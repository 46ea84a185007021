"""Names of column types in manifests, and the Arrow types that carry them."""

from __future__ import annotations

import pyarrow as pa

_ALIASES = {
    "int": pa.int64(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "double": pa.float64(),
    "number": pa.float64(),
    "bool": pa.bool_(),
    "boolean": pa.bool_(),
}
for _kind in (
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64()),
    *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
):
    _ALIASES[str(_kind)] = _kind
_ALIASES |= {"float16": pa.float16(), "float32": pa.float32(), "float64": pa.float64()}

_NAMES = {"double": "float64", "float": "float32", "halffloat": "float16", "large_string": "string"}


def text_carried(name: str) -> pa.DataType:
    """The Arrow type of a column that arrives as text (CSV, JSON): numbers and flags, all else stays text.

    Times stay text too, so that a batch passes with its stamps exactly as the producer wrote them.

    >>> text_carried("int32"), text_carried("timestamp[us, tz=UTC]")
    (DataType(int32), DataType(string))
    """
    return _ALIASES.get(name.strip().lower(), pa.string())


def type_name(kind: pa.DataType) -> str:
    """The manifest's name for an Arrow type.

    >>> type_name(pa.float64()), type_name(pa.string())
    ('float64', 'string')
    """
    return _NAMES.get(str(kind), str(kind))
