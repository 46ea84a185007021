"""A ``results`` folder as one table of all experiments, for DuckDB to answer questions about."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from harness.errors import UsageError
from harness.history.folders import Remark, read_run, run_names, together
from harness.history.fresh import Marks, forget, marks
from harness.history.index import Index, drop_index, extend, prepare, read_index, write_lock

__all__ = ["NeedsDuckDB", "Store", "consult", "import_duckdb", "open_store"]

#: From so many runs on that are not in the index, they are added to it: to read one costs about a millisecond.
FOLD_FROM = 64
#: So many at a time, so that what was read is not lost to whoever interrupts.
_FOLD_MOST = 5000
#: How often a question is asked again when the index was replaced under it.
_ATTEMPTS = 5

Say = Callable[[str], None]
T = TypeVar("T")


class NeedsDuckDB(UsageError):
    """The extra ``history`` is not installed."""


class _IndexGone(Exception):
    """A segment was removed or can't be read: the store has to be opened again. ``damaged``: without the index."""

    def __init__(self, damaged: bool) -> None:
        self.damaged = damaged
        super().__init__(damaged)


@dataclass(frozen=True, slots=True)
class Store:
    """All experiments that can be read: those of the index, but for ``hidden`` runs, and those of ``fresh`` ones."""

    results: Path
    index: Index
    hidden: frozenset[str]
    fresh: pa.Table
    names: frozenset[str]
    """The folders that may be runs."""
    remarks: tuple[Remark, ...]

    def ask(self, sql: str, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """What DuckDB answers about the table ``experiments``; within `consult`. Raises `UsageError` without DuckDB."""
        import_duckdb()
        import duckdb

        with duckdb.connect(config=_CONFIG) as connection:
            try:
                connection.register("fresh", self.fresh)
                connection.execute(f"create temp view experiments as {self._union()}")
                answer = connection.execute(sql, [_as_text(value) for value in parameters])
                names = [column[0] for column in answer.description or ()]
                return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
            except (duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException) as error:
                if not self.index.segments:
                    raise
                lost = not all(segment.path.exists() for segment in self.index.segments)
                raise _IndexGone(damaged=not lost) from error

    def _union(self) -> str:
        parts = ["select * from fresh"]
        for segment in self.index.segments:
            part = f"select * from read_parquet({_literal(segment.path)})"
            without = sorted((self.hidden & segment.runs) | segment.dead)
            if without:
                part += f" where run not in ({', '.join(map(_text, without))})"
            parts.append(part)
        return " union all by name ".join(parts)


def consult(results: Path, say: Say, question: Callable[[Store], T]) -> T:
    """Opens the store and puts a question to it; again, if another process replaced the index meanwhile.

    An index that turns out to be damaged is removed, and what it held is read from the runs' folders. Raises
    `UsageError` for no such folder, or without DuckDB.
    """
    import_duckdb()
    for _ in range(_ATTEMPTS):
        try:
            return question(open_store(results, say))
        except _IndexGone as gone:
            if gone.damaged:
                say("the index of the runs is damaged; it is made again")
                drop_index(results)
    raise UsageError(
        f"{results}/.history can't be read and can't be removed. Remove it: nothing but an index is in it."
    )


def open_store(results: Path, say: Say, *, fold: bool | None = None) -> Store:
    """The store of a results folder. ``say`` is told when that takes a while.

    Runs that are not in the index are read from their folders and, when there are many, added to it. ``fold``: add them
    whatever their number (True) or never (False). Raises `UsageError` if there is no such folder.
    """
    if not results.is_dir():
        run_names(results)  # says what is wrong
    writable = prepare(results) and fold is not False
    seen = marks(results)  # before any row is read: a mark that comes later stays
    index = read_index(results)
    return _Reader(results, say, writable, bool(fold), frozenset(run_names(results)), seen, index).read()


@dataclass(slots=True)
class _Reader:
    """Reads what the index lacks, and adds it."""

    results: Path
    say: Say
    writable: bool
    thorough: bool
    names: frozenset[str]
    seen: Marks
    index: Index

    def read(self) -> Store:
        known, first = self.index.runs(), self.index
        gone = frozenset(known - self.names)
        outdated = known & self.seen.keys() - gone
        todo = sorted((self.names - known) | outdated)
        remarks = [Remark(what, _NOT_USED, skipped=False) for what in self.index.damaged]
        if len(todo) > _FOLD_MOST:
            self.say(f"reading {len(todo)} runs that are not in the index yet; later it is quick")
        tables: list[pa.Table] = []
        for name in todo:
            reading = read_run(self.results / name)
            if reading.remark is not None:
                remarks.append(reading.remark)
            if reading.rows is not None and reading.rows.num_rows:
                tables.append(reading.rows)
            if len(tables) >= _FOLD_MOST:
                tables = self._fold(tables, gone)
        if len(tables) >= FOLD_FROM or (self.thorough and (tables or gone)):
            tables = self._fold(tables, gone)
        folded = known if self.index is first else self.index.runs()
        waiting = {table.column("run")[0].as_py() for table in tables}
        unread = outdated & {remark.run for remark in remarks if remark.skipped}
        hidden = (gone & folded) | (waiting & folded) | (unread & folded)
        return Store(self.results, self.index, frozenset(hidden), together(tables), self.names, tuple(remarks))

    def _fold(self, tables: list[pa.Table], gone: frozenset[str]) -> list[pa.Table]:
        """Adds runs to the index; what could not be added."""
        if not self.writable:
            return tables
        try:
            with write_lock(self.results) as mine:
                if not mine or read_index(self.results).number != self.index.number:
                    return tables  # another process does the same
                self.index = extend(self.results, self.index, tables, gone)
        except OSError as error:
            self.writable = False
            self.say(f"the index can't be written ({error.strerror or error}); the answer is right all the same")
            return tables
        done = {table.column("run")[0].as_py() for table in tables} | (self.seen.keys() - self.names)
        forget(mark for run in done for mark in self.seen.get(run, []))
        return []


_NOT_USED = "this part of the index can't be used; what it held was read from the runs"
#: Nothing is fetched from anywhere.
_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


def import_duckdb() -> None:
    """Raises `UsageError` that says how to install DuckDB, if it is not there."""
    try:
        import duckdb  # noqa: F401 - is it there?
    except ImportError:
        raise NeedsDuckDB("the history of runs needs DuckDB. Install it: pip install 'pipequake[history]'") from None


def _as_text(value: Any) -> Any:
    """A parameter as DuckDB takes it: bytes of the command line that are no text match nothing."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if isinstance(value, str) else value


def _literal(path: Path) -> str:
    """A path for SQL, with what DuckDB takes for a pattern taken literally."""
    return _text(re.sub(r"([*?\[])", r"[\1]", str(path)))


def _text(value: str) -> str:
    """Text for SQL."""
    return "'" + value.replace("'", "''") + "'"
