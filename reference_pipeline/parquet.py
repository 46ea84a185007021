"""Small Parquet files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["open_whole", "write_whole"]


def open_whole(file: Path) -> pq.ParquetFile:
    """A file, with its bytes in memory: for one of some kilobytes, many small reads cost more than what it holds.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "seats.parquet"
    >>> pq.write_table(pa.table({"seats": [55, 189]}), file)
    >>> open_whole(file).read(use_threads=False).to_pydict()
    {'seats': [55, 189]}
    """
    return pq.ParquetFile(pa.BufferReader(file.read_bytes()))


def write_whole(table: pa.Table, file: Path) -> None:
    """Writes a table of some kilobytes. Dictionaries and statistics would cost more than they save, and so would a
    file that is written piece by piece.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "seats.parquet"
    >>> write_whole(pa.table({"seats": [55, 189]}), file)
    >>> open_whole(file).read(use_threads=False).to_pydict()
    {'seats': [55, 189]}
    """
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="snappy", use_dictionary=False, write_statistics=False)
    file.write_bytes(sink.getvalue())
