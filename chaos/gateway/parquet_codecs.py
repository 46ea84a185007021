"""The codec of each column of a Parquet file that is made of another one."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.parquet as pq


def codecs_for(codecs: Mapping[str, str], schema: pa.Schema) -> str | dict[str, str]:
    """What `pyarrow.parquet.write_table` takes as compression, given the codec of each column of the source.

    Columns go by their paths, so that those inside of others are told apart. A column that the source did not have
    gets the most usual codec, of those beside it if it lies inside of a column that the source had.

    >>> schema = pa.schema({"a": pa.int64(), "b": pa.struct({"x": pa.int64(), "y": pa.int64()})})
    >>> codecs_for({"a": "SNAPPY", "b.x": "ZSTD", "b.y": "UNCOMPRESSED"}, schema)
    {'a': 'snappy', 'b.x': 'zstd', 'b.y': 'none'}
    """
    named = {path: codec.lower().replace("uncompressed", "none") for path, codec in codecs.items()}
    if not named:
        return "snappy"
    if len(set(named.values())) == 1:
        return next(iter(named.values()))
    return {path: named.get(path) or _usual(named, path) for path in _paths(schema)}


def _usual(codecs: Mapping[str, str], path: str) -> str:
    beside = [codec for other, codec in codecs.items() if _outermost(other) == _outermost(path)]
    return _most_common(beside or codecs.values())


def _outermost(path: str) -> str:
    return path.partition(".")[0]


def _most_common(codecs: Iterable[str]) -> str:
    return Counter(codecs).most_common(1)[0][0]


def _paths(schema: pa.Schema) -> list[str]:
    """The columns that a file of this schema has, those inside of others each on its own."""
    out = io.BytesIO()
    pq.write_table(schema.empty_table(), out)
    written = pq.read_metadata(out).schema
    return [written.column(i).path for i in range(len(written))]
