"""Data faults on Parquet files larger than memory: piece by piece, and all or nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from chaos.data.chain import corrupt_batch
from chaos.data.column_fault import DrawnFault
from chaos.data.frames import make_fault, whole_number
from chaos.errors import InvalidFault, PayloadError, Problem
from chaos.fault import FeedFault
from chaos.gateway.batch import Batch
from chaos.gateway.parquet_codecs import codecs_for
from chaos.whole_files import appearing_file, appearing_folder

#: Called after each piece: (rows read so far, rows in all).
Progress = Callable[[int, int], object]

#: Bytes in memory, about, from which on a row group passes in pieces.
PIECE = 64 << 20
#: Rows read at a time, at most.
_ROWS = 1 << 14
#: Bytes that each column reads ahead: more of its chunk than this, and than a page, is never held.
_AHEAD = 1 << 16


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

    The same rows are hit as by `chaos.inject` on the whole data set (a folder's files in the order of their paths,
    without those that are hidden), in memory that does not grow with it. Compression and metadata stay, and so do
    row groups, but those of more than 64 MB in memory become several. ``target`` appears when it is complete and on
    disk, and not before; a file may be its own target. Faults are given as to `chaos.inject`.

    Raises `InvalidFault` for a fault that needs to see all rows at once, `PayloadError` for what is no Parquet file,
    ``FileNotFoundError`` if there is none or no folder to write in, and ``FileExistsError`` if a folder is to take the
    place of one that is not empty.

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
    seed = whole_number("seed", seed)
    source, target = Path(source), Path(target)
    files = _files(source)
    totals = _Totals(sum(_rows(file) for file in files), progress)
    drawn = [(fault, seed) for fault in made]
    if source.is_dir():
        written = [target / file.relative_to(source) for file in files]
        with appearing_folder(target) as folder:
            for file in files:
                out = folder / file.relative_to(source)
                out.parent.mkdir(parents=True, exist_ok=True)
                _stream(file, out, drawn, totals)
    else:
        written = [target]
        _stream(source, target, drawn, totals)
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
    files = sorted(path for path in source.rglob("*.parquet") if path.is_file() and not _hidden(path, source))
    if not files:
        raise FileNotFoundError(f"no *.parquet file in folder {str(source)!r}")
    return files


def _hidden(path: Path, source: Path) -> bool:
    """Whether readers of data sets pass a file over, as they do with what is not complete yet."""
    return any(part.startswith((".", "_")) for part in path.relative_to(source).parts)


def _open(file: Path) -> pq.ParquetFile:
    # Not mapped: what was read of a mapped file counts as memory of the process for as long as nobody else needs it.
    try:
        return pq.ParquetFile(file, buffer_size=_AHEAD, pre_buffer=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise _damaged(error, f"{str(file)!r} is no Parquet file") from None


def _damaged(error: Exception, what: str) -> Exception:
    """The error for bytes that cannot be read, and the error as it is where the system did not give any."""
    return error if isinstance(error, OSError) and error.errno is not None else PayloadError(f"{what}: {error}")


def _rows(file: Path) -> int:
    with _open(file) as opened:
        return int(opened.metadata.num_rows)


@dataclass(slots=True)
class _Totals:
    rows: int
    progress: Progress | None
    done: int = 0
    requested: float = 0.0
    selected: int = 0
    changed: int = 0


def _stream(file: Path, out: Path, faults: Sequence[tuple[FeedFault, int]], totals: _Totals) -> None:
    """One file, in order. An empty file is corrupted too: its schema may change."""
    with _open(file) as opened, appearing_file(out) as sink:
        writer: pq.ParquetWriter | None = None
        _require_once(opened.schema_arrow.names, faults)
        schema = _with_room(opened.schema_arrow, faults)
        try:
            for piece in _pieces(opened, file):
                table = _corrupted(piece.cast(schema), faults, totals)
                totals.done += piece.num_rows
                del piece  # what is no longer needed would be held while the rest is written, and the next is read
                if writer is None:
                    writer = pq.ParquetWriter(sink, table.schema, compression=_compression(opened, table.schema))
                writer.write_table(table.cast(writer.schema), row_group_size=max(table.num_rows, 1))
                del table
                if totals.progress is not None:
                    totals.progress(totals.done, totals.rows)
        finally:
            if writer is not None:
                writer.close()


def _require_once(names: list[str], faults: Sequence[tuple[FeedFault, int]]) -> None:
    """Raises `InvalidFault` if a column that a fault names is there more than once."""
    for fault, _ in faults:
        problems = [
            Problem(param, f"column {column!r} occurs {names.count(column)} times")
            for param, column, _ in fault.column_refs()
            if names.count(column) > 1
        ]
        if problems:
            raise InvalidFault(fault.name, problems)


def _corrupted(table: pa.Table, faults: Sequence[tuple[FeedFault, int]], totals: _Totals) -> pa.Table:
    batch, done = corrupt_batch(Batch.of(table, first_row=totals.done), faults)
    totals.requested += done.requested
    totals.selected += done.selected
    totals.changed += done.changed
    return batch.table


def _pieces(file: pq.ParquetFile, path: Path) -> Iterator[pa.Table]:
    """The file's row groups, each in one piece unless it is too large; at least one piece, for its schema."""
    empty = file.schema_arrow.empty_table()
    if not file.num_row_groups:
        yield empty
    for group in range(file.num_row_groups):
        about = file.metadata.row_group(group)
        rows = min(max(PIECE * about.num_rows // max(about.total_byte_size, 1), 1), _ROWS)
        batches: list[pa.RecordBatch] = []
        read = file.iter_batches(rows, row_groups=[group])
        while (batch := _next(read, path)) is not None:
            batches.append(batch)
            del batch
            if sum(batch.nbytes for batch in batches) >= PIECE:
                yield _joined(batches, empty.schema)
        if batches or not about.num_rows:
            yield _joined(batches, empty.schema)


def _next(read: Iterator[pa.RecordBatch], path: Path) -> pa.RecordBatch | None:
    try:
        return next(read, None)
    except (pa.ArrowInvalid, OSError) as error:
        raise _damaged(error, f"{str(path)!r} is damaged") from None


def _joined(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """The batches as one table, which alone holds them from here on."""
    table = pa.Table.from_batches(batches, schema)
    batches.clear()
    return table


def _with_room(schema: pa.Schema, faults: Sequence[tuple[FeedFault, int]]) -> pa.Schema:
    """The schema with room, in the columns that change, for what a later row group may be the first to get.

    That is a null, and more words than the codes of a dictionary reach.
    """
    changing = {column for fault, _ in faults if isinstance(fault, DrawnFault) for column in fault.columns()}
    fields = [_roomy(field) if field.name in changing else field for field in schema]
    return pa.schema(fields, schema.metadata)


def _roomy(field: pa.Field) -> pa.Field:
    kind = field.type
    if pa.types.is_dictionary(kind) and kind.index_type.bit_width < 32:
        field = field.with_type(pa.dictionary(pa.int32(), kind.value_type, kind.ordered))
    return field.with_nullable(True)


def _compression(file: pq.ParquetFile, schema: pa.Schema) -> str | dict[str, str]:
    """The codec of each column, as the source has it."""
    if not file.num_row_groups:
        return "snappy"
    group = file.metadata.row_group(0)
    columns = (group.column(i) for i in range(group.num_columns))
    return codecs_for({column.path_in_schema: column.compression for column in columns}, schema)
