"""The index over runs: the rows of many of them in a few Parquet files under ``.history/``, named by ``index.json``.

It is made from the runs' folders and can be made again: deleting it loses nothing. New runs come in a file of their
own, a *segment*; it is merged with the one before it when that is not much larger, so that there are few of them and
each run is rewritten a few times only. Everything is written beside, made durable and renamed, ``index.json`` last. So
whoever dies at any point leaves an index that is as true as before, and at worst files that nobody names, which the
next one removes. One process at a time writes; readers wait for nobody, and segments that were merged stay until the
next time for whoever still reads them.
"""

from __future__ import annotations

import itertools
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from chaos.whole_files import appearing_file
from harness.file_lock import lock_within
from harness.history.columns import SCHEMA, same_columns
from harness.history.fresh import INDEX_FOLDER

__all__ = ["Index", "Segment", "drop_index", "extend", "prepare", "read_index", "write_lock"]

_NAMES = "index.json"
_FORMAT = "pipequake.index/1"
#: Where a segment's metadata has the names of its runs, as JSON.
_RUNS = b"pipequake.runs"
#: A segment is merged into the one before it unless that is at least so many times larger.
_GROWTH = 4
#: How long to wait for another process that writes the index, in seconds.
_PATIENCE_S = 10.0
#: Rows that are written together: enough to compress well, few enough for a small memory.
_GROUP_ROWS = 50_000


@dataclass(frozen=True)
class Segment:
    """One file of the index. Rows of ``dead`` runs don't count: they are in a later one, or the folder is gone."""

    path: Path
    rows: int
    dead: frozenset[str] = frozenset()

    @cached_property
    def runs(self) -> frozenset[str]:
        """The names of the runs that count. They are kept in the file's metadata, too: that is quick to read."""
        with pq.ParquetFile(self.path) as file:
            return frozenset(json.loads(file.metadata.metadata[_RUNS])) - self.dead

    def usable(self) -> bool:
        """Whether it has the columns of this version. Raises what pyarrow raises for a file that is torn."""
        with pq.ParquetFile(self.path) as file:
            return same_columns(file.schema_arrow) and _RUNS in file.metadata.metadata

    def batches(self) -> Iterator[pa.Table]:
        """Its rows, but for the dead, a part at a time."""
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(batch_size=_GROUP_ROWS):
                table = pa.Table.from_batches([batch]).replace_schema_metadata(SCHEMA.metadata)
                yield _without(table, self.dead) if self.dead else table


@dataclass(frozen=True, slots=True)
class Index:
    """The segments that can be read, oldest first."""

    number: int = 0
    segments: tuple[Segment, ...] = ()
    damaged: tuple[str, ...] = ()
    """What can't be used and why; the runs in it are read from their folders."""

    def runs(self) -> set[str]:
        """The names of the runs in it."""
        return {run for segment in self.segments for run in segment.runs}


def prepare(results: Path) -> bool:
    """Makes the index's folder, from which on those who score a run mark it; False if nothing can be written there."""
    try:
        (results / INDEX_FOLDER).mkdir(exist_ok=True)
    except OSError:
        return False
    return os.access(results / INDEX_FOLDER, os.W_OK)


def read_index(results: Path) -> Index:
    """The index as it is now; an empty one if there is none or it can't be used."""
    folder = results / INDEX_FOLDER
    try:
        number, described = _read_names(folder)
    except FileNotFoundError:
        return Index()
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Index(damaged=(f"{folder / _NAMES} ({type(error).__name__})",))
    segments, damaged = [], []
    for one in described:
        try:
            usable = one.usable()
        except (pa.ArrowException, OSError):
            damaged.append(f"{one.path} (torn)")
            continue
        if usable:
            segments.append(one)
        else:
            damaged.append(f"{one.path} (of another version)")
    return Index(number, tuple(segments), tuple(damaged))


@contextmanager
def write_lock(results: Path, *, within_s: float = 0.0) -> Iterator[bool]:
    """Makes this process the only one that writes the index; False if another one has it for longer than that."""
    handle = os.open(results / INDEX_FOLDER / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        yield lock_within(handle, within_s)
    finally:
        os.close(handle)


def drop_index(results: Path) -> None:
    """Removes the index, so that the next one is made from the runs' folders. Nothing is lost."""
    with suppress(OSError), write_lock(results, within_s=_PATIENCE_S):
        (results / INDEX_FOLDER / _NAMES).unlink(missing_ok=True)


def extend(results: Path, index: Index, fresh: Sequence[pa.Table], gone: frozenset[str] = frozenset()) -> Index:
    """Puts in place the index with the rows of more runs, and without those of ``gone``. Only with the lock.

    ``index`` must be the one that is there now. Raises ``OSError`` if it can't be written.
    """
    folder = results / INDEX_FOLDER
    _remove_unnamed(folder, index)
    added = {run for table in fresh for run in table.column("run").to_pylist()}
    kept = [replace(segment, dead=segment.dead | (segment.runs & (added | gone))) for segment in index.segments]
    kept = [segment for segment in kept if segment.runs]
    rows = sum(table.num_rows for table in fresh)
    merged: list[Segment] = []
    while kept and kept[-1].rows < _GROWTH * rows:
        merged.insert(0, kept.pop())
        rows += merged[0].rows
    if rows:
        name = f"segment-{index.number + 1:08d}-{uuid.uuid4().hex[:8]}.parquet"
        kept.append(_write_segment(folder / name, merged, fresh))
    _write_names(folder, index.number + 1, kept)
    return Index(index.number + 1, tuple(kept))


def _remove_unnamed(folder: Path, index: Index) -> None:
    """Removes what a dead process left, and segments that were merged the last time."""
    named = {_NAMES, "lock", "fresh", *(segment.path.name for segment in index.segments)}
    for file in folder.iterdir():
        if file.name not in named and not file.is_dir():
            file.unlink()


def _write_segment(path: Path, merged: Sequence[Segment], fresh: Sequence[pa.Table]) -> Segment:
    """A file with the rows of older segments and then those of fresh runs."""
    rows, runs = 0, set[str]()
    with appearing_file(path) as file, pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        for table in _regrouped(itertools.chain.from_iterable([*(one.batches() for one in merged), fresh])):
            writer.write_table(table)
            rows += table.num_rows
            runs.update(table.column("run").to_pylist())
        writer.add_key_value_metadata({_RUNS.decode(): json.dumps(sorted(runs))})
    return Segment(path, rows)


def _without(table: pa.Table, runs: frozenset[str]) -> pa.Table:
    """The rows of other runs."""
    import pyarrow.compute as pc  # slow to import, and not needed to read

    return table.filter(pc.invert(pc.is_in(table.column("run"), pa.array(sorted(runs), pa.string()))))


def _regrouped(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of about `_GROUP_ROWS`."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(one.num_rows for one in waiting) >= _GROUP_ROWS:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _write_names(folder: Path, number: int, segments: Sequence[Segment]) -> None:
    described = [{"file": one.path.name, "rows": one.rows, "dead": sorted(one.dead)} for one in segments]
    text = json.dumps({"format": _FORMAT, "number": number, "segments": described}, indent=1) + "\n"
    with appearing_file(folder / _NAMES) as file:
        file.write(text.encode())


def _read_names(folder: Path) -> tuple[int, list[Segment]]:
    """What ``index.json`` says. Raises ``OSError``, ``ValueError``, ``KeyError`` or ``TypeError``."""
    said: Any = json.loads((folder / _NAMES).read_text(encoding="utf-8"))
    if said["format"] != _FORMAT:
        raise ValueError(f"expected {_FORMAT}, got {said['format']}")
    return int(said["number"]), [
        Segment(folder / Path(one["file"]).name, int(one["rows"]), frozenset(one["dead"])) for one in said["segments"]
    ]
