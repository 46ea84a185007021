"""``pipequake baseline``."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.console import report_console
from harness.errors import UsageError
from harness.history.baselines import remove_baseline, save_baseline, saved_baselines
from harness.publish import judged
from harness.reports.narrative import plain
from harness.run_description import describe
from harness.run_folder import RunFolder
from harness.verdict import ExitCode

__all__ = ["baseline_command", "newest_run"]


def baseline_command(results: Path, name: str | None, run: Path | None, *, remove: bool) -> int:
    """Saves, removes or lists baselines; the exit code."""
    console = report_console()
    if name is None:
        if remove:
            raise UsageError("say which baseline to remove: pipequake baseline NAME --remove")
        _list(results)
    elif remove and run is not None:
        raise UsageError(f"--remove takes the baseline's name alone: {run} would not be removed. Leave it out.")
    elif remove:
        remove_baseline(results, name)
        console.print(f"baseline {plain(name)} removed")
    else:
        folder = RunFolder.open(run or newest_run(results))
        folder.require_ended()
        scorecard = judged(folder)
        if not scorecard.experiments:
            raise UsageError(f"{folder.path} has no experiments: nothing can be measured against it.")
        if describe(folder).cut_short(scorecard):
            print(_CUT_SHORT.format(run=folder.path), file=sys.stderr)
        path = save_baseline(results, name, folder, scorecard.to_json())
        kept = f"baseline {plain(name)}: {folder.path.resolve().name}, kept in {path}"
        console.print(kept, soft_wrap=True)
    return ExitCode.PASSED


_CUT_SHORT = "note: {run} was interrupted; a gate compares nothing that it never ran. A whole run is a better baseline."


def newest_run(results: Path) -> Path:
    """The run that ended last. Raises `UsageError`."""
    latest = results / "latest"
    if latest.is_symlink() and not latest.exists():
        gone = f"{latest} leads to {latest.readlink().name}, which is gone"
        raise UsageError(f"{gone}. Name a run's folder, or give --results.")
    if not latest.exists():
        raise UsageError(f"{latest} does not exist: no run has ended yet. Name a run's folder, or give --results.")
    return results / latest.resolve().name if latest.resolve().parent == results.resolve() else latest


def _list(results: Path) -> None:
    console = report_console()
    found = saved_baselines(results)
    for one in found:
        manifest = one.manifest()
        git = manifest.get("git") or {}
        code = f"{git.get('branch') or ''} {str(git.get('commit') or '')[:7]}".strip()
        texts = [one.path.name, str(manifest.get("baseline_of")), str(manifest.get("started")), code]
        console.print("  ".join(plain(text) for text in texts if text), soft_wrap=True)
    if not found:
        console.print("no baseline is saved; `pipequake baseline NAME RUN` saves one")
