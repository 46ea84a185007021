"""``pipequake score``."""

from __future__ import annotations

from pathlib import Path

from harness.console import report_console
from harness.publish import publish
from harness.run_folder import RunFolder

__all__ = ["score_command"]


def score_command(path: Path, *, as_json: bool) -> int:
    """Scores a run again; the exit code of its verdict."""
    folder = RunFolder.open(path)
    if not folder.journal.exists():
        folder.merge_unmerged()
    return publish(folder, report_console(stderr=as_json), as_json=as_json)
