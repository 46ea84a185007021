"""Marks of runs that were scored since the index was made: these are read from their folders, whatever it says.

A mark is an empty file ``.history/fresh/<run>@<token>``. It is put before a run's rows are written, and taken away
after an index that has read them is in place; a run that is scored again in between has a mark of its own, which stays.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

__all__ = ["INDEX_FOLDER", "Marks", "announce", "forget", "marks"]

#: Beside the runs. A run's name never begins with a dot.
INDEX_FOLDER = ".history"

Marks = dict[str, list[Path]]
"""The files that mark each run."""


def announce(results: Path, run: str) -> bool:
    """Marks a run as scored anew; False if there is no index that could be out of date, or it can't be written to."""
    if not (results / INDEX_FOLDER).is_dir():
        return False
    folder = results / INDEX_FOLDER / "fresh"
    try:
        folder.mkdir(exist_ok=True)
        (folder / f"{run}@{uuid.uuid4().hex}").touch()
    except OSError:
        return False
    return True


def marks(results: Path) -> Marks:
    """The marks that there are, by run."""
    found: Marks = {}
    with suppress(OSError):
        for file in (results / INDEX_FOLDER / "fresh").iterdir():
            found.setdefault(file.name.rpartition("@")[0], []).append(file)
    return found


def forget(taken: Iterable[Path]) -> None:
    """Takes marks away."""
    for file in taken:
        file.unlink(missing_ok=True)
