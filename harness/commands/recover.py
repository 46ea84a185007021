"""``pipequake recover``."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.text import Text

from chaos.undo import pending
from harness.console import report_console
from harness.errors import HarnessError, UsageError
from harness.journal import read_journal
from harness.publish import publish
from harness.run_folder import RunFolder
from harness.safety.rescue import rescue, stranded_arms
from harness.targets import load_target
from harness.targets.base import Target
from harness.verdict import ExitCode

__all__ = ["recover_command", "recover_run"]

#: How long a watchdog that is at work on a run may take, in seconds.
_WATCHDOG_S = 30.0


def recover_command(results: Path) -> int:
    """Finishes what interrupted runs left under ``results``: reverts what is still in effect, writes the reports."""
    if not results.is_dir():
        raise UsageError(f"{results} is no folder. Give the folder of the runs with --results.")
    console = report_console()
    target = load_target()
    target.clean_up()
    folders = [path for path in sorted(results.iterdir()) if not path.is_symlink()]  # `latest` is one
    unfinished = [RunFolder(path) for path in folders if (path / "arms").is_dir()]
    worst = ExitCode.PASSED
    for folder in unfinished:
        if folder.in_use():
            console.print(f"{folder.path}: still running, left alone", soft_wrap=True)
            continue
        if (folder.path / "gameday.jsonl").exists():
            console.print(
                f"{folder.path}: a gameday; go on or conclude with `pipequake gameday --resume {folder.path}`",
                soft_wrap=True,
            )
            continue
        console.print(f"{folder.path}: interrupted", soft_wrap=True)
        try:
            if not recover_run(folder, target, console):
                worst = max(worst, ExitCode.DIRTY)
                continue
            publish(folder, console, as_json=False)
        except HarnessError as error:  # the others must not stay as they are because of this one
            console.print(f"  {error}", soft_wrap=True)  # a path in it stays whole
            worst = max(worst, error.exit_code)
            continue
        if not any(later.name > folder.path.name for later in results.glob("20*")):
            folder.link_latest()
    if not unfinished:
        console.print("nothing to recover")
    return worst


def recover_run(folder: RunFolder, target: Target, console: Console) -> bool:
    """Takes back everything that one dead run left, and puts its journal together; False if something stays."""
    with folder.locked(within_s=_WATCHDOG_S) as alone:
        live = bool(stranded_arms(folder.path))
        outcome = rescue(folder.path, target, by="recover", say=lambda text: console.print(f"  {text}"), alone=alone)
        dirty = [rescued for rescued in outcome if not rescued.clean]
        if dirty:
            console.print(
                Text.assemble(
                    ("  The target is left dirty.", "bold red"),
                    " End what is named above by hand, then `pipequake recover` again.",
                )
            )
            return False
        folder.merge_unmerged()
        _note_interruption(folder)
        for entry in [] if live else pending(read_journal(folder.journal)):
            name = entry.fault if entry.fault_id == entry.fault else f"{entry.fault_id} ({entry.fault})"
            console.print(
                f"  {name} at {entry.point} was in effect in a simulated world, "
                "which ended with its process: nothing is left of it"
            )
    return True


def _note_interruption(folder: RunFolder) -> None:
    """A run that was killed could not say itself that it was ended before its time."""
    manifest = folder.manifest()
    if manifest and manifest.get("interrupted") is None:
        folder.write_manifest({**manifest, "interrupted": True})
