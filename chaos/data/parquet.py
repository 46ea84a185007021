"""Data faults on Parquet files larger than memory: row group by row group, and all or nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from chaos.data.chain import corrupt_batch
from chaos.data.column_fault import DrawnFault
from chaos.data.frames import make_fault
from chaos.errors import InvalidFault, PayloadError, Problem
from chaos.fault import FeedFault
from chaos.gateway.batch import Batch

#: Called after each row group: (rows read so far, rows in all).
Progress = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Streamed:
    """What was done to a data set: as `Corruption`, without the cells, which would not fit into memory."""

    rows: int
    requested: float
    selected: int
    changed: int
    files: Sequence[Path]


def inject_parquet(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *faults: str | FeedFault,
    seed: int,
    progress: Progress | None = None,
    **params: Any,
) -> Streamed:
    """Write a copy of a Parquet file, or of a folder of them, with the faults in it.

    The same rows are hit as by `chaos.inject` on the whole data set (a folder's files in the order of their paths),
    and no more than one row group is in memory. Row groups, compression and metadata stay. ``target`` appears when it
    is complete and on disk, and not before; it may be the source. Faults are given as to `chaos.inject`.

    Raises `InvalidFault` for a fault that needs to see all rows at once, `PayloadError` for what is no Parquet file,
    and ``FileNotFoundError`` if there is none.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> pq.write_table(pa.table({"temp": [39.0, 41.0]}), folder / "in.parquet")
    >>> done = inject_parquet(folder / "in.parquet", folder / "out.parquet", "data.null_spike", column="temp",
    ...                       rate=1.0, seed=7)
    >>> done.changed, pq.read_table(folder / "out.parquet")["temp"].to_pylist()
    (2, [None, None])
    """
    made = [make_fault(fault, params) for fault in faults]
    if not made:
        raise TypeError("expected the name of a fault, or faults, after source and target")
    for fault in made:
        _check_streams(fault)
    source, target = Path(source), Path(target)
    files = _files(source)
    totals = _Totals(sum(_open(file).metadata.num_rows for file in files), progress)
    written = []
    with _appearing(target, folder=source.is_dir()) as partial:
        for file in files:
            out = partial / file.relative_to(source) if source.is_dir() else partial
            out.parent.mkdir(parents=True, exist_ok=True)
            _stream(_open(file), out, [(fault, seed) for fault in made], totals)
            written.append(target / file.relative_to(source) if source.is_dir() else target)
    return Streamed(totals.done, totals.requested, totals.selected, totals.changed, tuple(written))


def _check_streams(fault: FeedFault) -> None:
    if not isinstance(fault, DrawnFault) or fault.context() == "row":
        return
    if fault.exact:
        problem = Problem("exact", "a file passes in row groups, of which none knows the others' rows: leave out exact")
    else:
        problem = Problem("", "takes values from other rows, and a file passes in row groups: use chaos.inject instead")
    raise InvalidFault(fault.name, [problem])


def _files(source: Path) -> list[Path]:
    if not source.exists():
        raise FileNotFoundError(f"no file or folder {str(source)!r}")
    if not source.is_dir():
        return [source]
    files = sorted(path for path in source.rglob("*.parquet") if path.is_file())
    if not files:
        raise FileNotFoundError(f"no *.parquet file in folder {str(source)!r}")
    return files


def _open(file: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file, memory_map=True)
    except pa.ArrowInvalid as error:
        raise PayloadError(f"{str(file)!r} is no Parquet file: {error}") from None


@dataclass(slots=True)
class _Totals:
    rows: int
    progress: Progress | None
    done: int = 0
    requested: float = 0.0
    selected: int = 0
    changed: int = 0


def _stream(file: pq.ParquetFile, out: Path, faults: Sequence[tuple[FeedFault, int]], totals: _Totals) -> None:
    """One file, in order. An empty file is corrupted too: its schema may change."""
    writer: pq.ParquetWriter | None = None
    schema = _may_be_null(file.schema_arrow, faults)
    try:
        for group in range(max(file.num_row_groups, 1)):
            table = file.read_row_group(group) if file.num_row_groups else file.schema_arrow.empty_table()
            batch, done = corrupt_batch(Batch.of(table.cast(schema), first_row=totals.done), faults)
            if writer is None:
                writer = pq.ParquetWriter(out, batch.table.schema, compression=_compression(file))
            writer.write_table(batch.table.cast(writer.schema), row_group_size=max(batch.table.num_rows, 1))
            totals.done += table.num_rows
            totals.requested += done.requested
            totals.selected += done.selected
            totals.changed += done.changed
            if totals.progress is not None:
                totals.progress(totals.done, totals.rows)
    finally:
        if writer is not None:
            writer.close()


def _may_be_null(schema: pa.Schema, faults: Sequence[tuple[FeedFault, int]]) -> pa.Schema:
    """The schema with the columns that change allowed to hold nulls: a later row group may get the first one."""
    changing = {column for fault, _ in faults if isinstance(fault, DrawnFault) for column in fault.columns()}
    fields = [field.with_nullable(True) if field.name in changing else field for field in schema]
    return pa.schema(fields, schema.metadata)


def _compression(file: pq.ParquetFile) -> str | dict[str, str]:
    """The codec of each column, as the source has it."""
    if not file.num_row_groups:
        return "snappy"
    group = file.metadata.row_group(0)
    columns = (group.column(i) for i in range(group.num_columns))
    return {column.path_in_schema: column.compression.replace("UNCOMPRESSED", "NONE") for column in columns}


@contextmanager
def _appearing(target: Path, *, folder: bool) -> Iterator[Path]:
    """A place to write at, which becomes ``target`` when all went well, and is removed if not."""
    if folder and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"folder {str(target)!r} exists and is not empty: choose another, or empty it first")
    partial = target.with_name(f".{target.name}.partial")
    _remove(partial)
    if folder:
        partial.mkdir(parents=True)
    try:
        yield partial
        for path in (partial, *partial.rglob("*")) if folder else (partial,):
            _sync(path)
        if folder and target.exists():
            target.rmdir()
        partial.replace(target)
        _sync(target.parent)
    finally:
        _remove(partial)


def _sync(path: Path) -> None:
    """Have a file's bytes, or a folder's names, on disk: a rename must not outlive a power cut that they do not."""
    at = os.open(path, os.O_RDONLY)
    try:
        os.fsync(at)
    finally:
        os.close(at)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
