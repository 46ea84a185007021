"""``pipequake score``."""

from __future__ import annotations

from pathlib import Path

from harness.commands.rates import load_rates
from harness.console import report_console
from harness.errors import UsageError
from harness.publish import publish
from harness.run_folder import RunFolder, recovering
from harness.safety.rescue import stranded_arms

__all__ = ["score_command"]


def score_command(path: Path, *, rates: Path | None, as_json: bool) -> int:
    """Scores a run again, with other rates if there are any; the exit code of its verdict."""
    given = None if rates is None else load_rates(rates)
    folder = RunFolder.open(path)
    folder.require_ended()
    folder.require_journal()
    if not folder.journal.exists():
        if stranded_arms(folder.path):  # what takes it back reads the arms' journals
            raise UsageError(
                f"{path} was killed, and not all that it left is taken back. First `{recovering(folder.path.parent)}`."
            )
        folder.merge_unmerged()
    if given is not None:
        folder.write_manifest({**folder.manifest(), "rates": given.model_dump(mode="json")})
    return publish(folder, report_console(stderr=as_json), as_json=as_json)
