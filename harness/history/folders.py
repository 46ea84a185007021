"""Runs as they lie in their folders: the rows of each, or why there are none."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.errors import UsageError
from harness.history.columns import FORMAT, SCHEMA, same_columns
from harness.history.rows import FILE, rows_of
from harness.run_folder import RunFolder, recovering
from harness.scoring.scorecard import Scorecard

__all__ = ["Reading", "Remark", "read_run", "run_names"]


@dataclass(frozen=True, slots=True)
class Remark:
    """What there is to say about a run that could not be read as it should: ``skipped``, or read another way."""

    run: str
    text: str
    fix: str = ""
    skipped: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """One run's rows, or None, and what there is to say."""

    rows: pa.Table | None
    remark: Remark | None = None


def run_names(results: Path) -> list[str]:
    """The folders that may be runs, sorted: no links (such as ``latest``), nothing hidden. Raises `UsageError`."""
    try:
        with os.scandir(results) as entries:
            found = [e.name for e in entries if not e.name.startswith(".") and e.is_dir(follow_symlinks=False)]
    except OSError as error:
        raise UsageError(
            f"{results}: the folder of the runs can't be read ({error.strerror or error}). Give it with --results."
        ) from None
    return sorted(found)


def read_run(path: Path) -> Reading:
    """The rows of a run: from its Parquet file, else from its scorecard. Never raises for a run that is damaged."""
    try:
        rows, damage = _from_parquet(path)
        reading = Reading(rows) if rows is not None else _from_scorecard(path, damage)
    except OSError as error:
        return _skipped(path, f"can't be read ({error.strerror or error})", "give yourself the right to read it")
    if reading.rows is not None and not reading.rows.num_rows:
        return _skipped(path, "ended before anything was measured", "")
    return reading


def _from_parquet(path: Path) -> tuple[pa.Table | None, str]:
    """The rows of ``experiments.parquet``; or None and what is wrong with it, empty if nothing is."""
    try:
        data = (path / FILE).read_bytes()
    except FileNotFoundError:
        return None, ""
    try:
        with pq.ParquetFile(io.BytesIO(data), page_checksum_verification=True) as file:
            table = file.read()
    except (pa.ArrowException, OSError):
        return None, f"{FILE} is damaged"
    if (table.schema.metadata or {}).get(b"pipequake") != FORMAT.encode():
        return None, f"{FILE} has other columns than this version"
    try:
        return _named(_aligned(table), path.name), ""
    except (pa.ArrowException, ValueError):
        return None, f"{FILE} has other columns than this version"


def _aligned(table: pa.Table) -> pa.Table:
    """The table with the columns of this version; those that it lacks are null (a metric that came later)."""
    if same_columns(table.schema):
        return table
    columns = [
        table.column(field.name).cast(field.type)
        if field.name in table.schema.names
        else pa.nulls(table.num_rows, field.type)
        for field in SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _named(table: pa.Table, run: str) -> pa.Table:
    """The table under the folder's name: the file may have been copied there."""
    return table.set_column(0, SCHEMA.field("run"), pa.repeat(pa.scalar(run), table.num_rows))


def _from_scorecard(path: Path, damage: str) -> Reading:
    folder = RunFolder(path)
    try:
        text = (path / "scorecard.json").read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return _skipped(path, *_why_no_scorecard(folder, damage))
    try:
        scorecard = Scorecard.from_json(text)
    except UsageError as error:
        reason = str(error).removesuffix(" Score the journal again: pipequake score RUN.").rstrip(".")
        return _skipped(path, f"scorecard.json can't be used: {reason}", _score_again(folder))
    rows = rows_of(scorecard, folder.manifest(), path.name)
    if not damage:
        return Reading(rows)
    return Reading(rows, Remark(path.name, f"{damage}; its scorecard was read instead", skipped=False))


def _score_again(folder: RunFolder) -> str:
    if folder.journal.exists():
        return f"pipequake score {folder.path}"
    return "its journal is gone, too: restore it from a copy"


def _why_no_scorecard(folder: RunFolder, damage: str) -> tuple[str, str]:
    """Why, and what mends it."""
    if damage:
        return f"{damage}, and there is no scorecard", _score_again(folder)
    if folder.in_use():
        return "still running", ""
    if (folder.path / "gameday.jsonl").exists():
        return "a gameday that was not concluded", f"pipequake gameday --resume {folder.path} --conclude"
    if folder.unmerged() or (folder.path / "arms").is_dir():
        return "interrupted before it was scored", recovering(folder.path.parent)
    if folder.journal.exists():
        return "not scored", _score_again(folder)
    if (folder.path / "run.json").exists():
        return "ended before anything was recorded", ""
    return "no run: nothing of Pipequake is in it", ""


def _skipped(path: Path, text: str, fix: str) -> Reading:
    return Reading(None, Remark(path.name, text, fix))


def together(tables: Sequence[pa.Table]) -> pa.Table:
    """The rows of several runs as one table."""
    return pa.concat_tables(tables) if tables else pa.Table.from_batches([], SCHEMA)
