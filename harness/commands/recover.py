"""``pipequake recover``."""

from __future__ import annotations

from pathlib import Path

from chaos.undo import pending
from harness.console import report_console
from harness.errors import UsageError
from harness.journal import read_journal
from harness.publish import publish
from harness.run_folder import RunFolder
from harness.targets import load_target
from harness.verdict import ExitCode

__all__ = ["recover_command"]


def recover_command(results: Path) -> int:
    """Finishes what interrupted runs left under ``results``: tells which faults were in effect, writes the reports."""
    if not results.is_dir():
        raise UsageError(f"{results} is no folder. Give the folder of the runs with --results.")
    console = report_console()
    load_target().clean_up()
    unfinished = [RunFolder(path) for path in sorted(results.iterdir()) if (path / "arms").is_dir()]
    for folder in unfinished:
        if folder.in_use():
            console.print(f"{folder.path}: still running, left alone")
            continue
        console.print(f"{folder.path}: interrupted")
        folder.merge_unmerged()
        for entry in pending(read_journal(folder.journal)):
            console.print(
                f"  {entry.fault_id} ({entry.fault} at {entry.point}) was in effect in a simulated world, "
                "which ended with its process: nothing is left of it"
            )
        publish(folder, console, as_json=False)
        if not any(later.name > folder.path.name for later in results.glob("20*")):
            folder.link_latest()
    if not unfinished:
        console.print("nothing to recover")
    return ExitCode.PASSED
