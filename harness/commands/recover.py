"""``pipequake recover``."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from chaos.undo import pending
from harness.errors import UsageError
from harness.journal import read_journal
from harness.publish import publish
from harness.run_folder import RunFolder
from harness.verdict import ExitCode

__all__ = ["recover_command"]


def recover_command(results: Path) -> int:
    """Finishes what interrupted runs left under ``results``: says which faults were in effect, and writes the reports."""
    if not results.is_dir():
        raise UsageError(f"{results} is no folder. Give the folder of the runs with --results.")
    console = Console(highlight=False)
    unfinished = [RunFolder(path) for path in sorted(results.iterdir()) if (path / "arms").is_dir()]
    for folder in unfinished:
        console.print(f"{folder.path}: interrupted")
        folder.merge_unmerged()
        for entry in pending(read_journal(folder.journal)):
            console.print(
                f"  {entry.fault_id} ({entry.fault} at {entry.point}) was in effect in a simulated world, "
                "which ended with its process: nothing is left of it"
            )
        publish(folder, console, as_json=False)
    if not unfinished:
        console.print("nothing to recover")
    return ExitCode.PASSED
