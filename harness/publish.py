"""From a run's journal to its scorecard and reports."""

from __future__ import annotations

import shlex
from contextlib import suppress
from importlib.metadata import version

from rich.console import Console

from harness.errors import UsageError
from harness.history.rows import write_rows
from harness.journal import read_journal
from harness.reports import html, markdown, terminal
from harness.reports.narrative import Rerun
from harness.run_folder import RunFolder
from harness.scoring import Rates, Scorecard, score
from harness.scoring.findings import ExperimentFinding
from harness.scoring.scorecard import UnreadableScorecard
from harness.targets.base import SIMULATOR
from harness.verdict import ExitCode

__all__ = ["judged", "kept_scorecard", "publish", "scored"]


def publish(folder: RunFolder, console: Console, *, as_json: bool) -> ExitCode:
    """Scores the journal, writes ``scorecard.json``, its rows as Parquet and the reports, and shows the scorecard."""
    scorecard = scored(folder)
    rerun = _rerun(folder)
    folder.write("scorecard.json", scorecard.to_json())
    write_rows(folder, scorecard)
    folder.write("report.md", markdown.render(scorecard, rerun=rerun))
    folder.write("report.html", html.render(scorecard, rerun=rerun))
    _show(scorecard, console, folder, rerun, as_json=as_json)
    return scorecard.verdict.exit_code


def scored(folder: RunFolder) -> Scorecard:
    """The scorecard of a run's journal, with the rates that the run was given; of a pruned run the one that was kept.

    Raises `UsageError`.
    """
    if not folder.journal.exists() and folder.scorecard.exists():
        return kept_scorecard(folder)
    rates = folder.manifest().get("rates")
    return score(read_journal(folder.journal), rates=None if rates is None else Rates.model_validate(rates))


def kept_scorecard(folder: RunFolder) -> Scorecard:
    """The scorecard as it was written. Raises `UsageError` that names the run."""
    try:
        return Scorecard.from_json(folder.scorecard.read_bytes().decode("utf-8", "replace"))
    except OSError as error:
        raise UsageError(f"{folder.scorecard}: can't be read ({error.strerror or error}).") from None
    except UnreadableScorecard as error:
        raise UsageError(f"{folder.scorecard}: {error}") from None


def judged(folder: RunFolder) -> Scorecard:
    """The scorecard that was written, if by this version; else the journal is scored again, if it is there.

    Raises `UsageError`."""
    if folder.scorecard.exists() and folder.manifest().get("version") == version("pipequake"):
        with suppress(UsageError):
            return kept_scorecard(folder)
    return scored(folder)


def _show(scorecard: Scorecard, console: Console, folder: RunFolder, rerun: Rerun | None, *, as_json: bool) -> None:
    if as_json:
        print(scorecard.to_json(), end="")
        return
    terminal.render(scorecard, console, rerun=rerun)
    console.print(f"\nreport: {folder.path / 'report.html'}", highlight=False)


def _rerun(folder: RunFolder) -> Rerun:
    """The command that runs one experiment again."""
    manifest = folder.manifest()
    paths, later = manifest.get("paths") or [], manifest.get("later_s") or {}
    backend = manifest.get("backend", SIMULATOR)
    where = [] if backend == SIMULATOR else ["--backend", backend, "--time-scale", f"{manifest['time_scale']:g}"]

    def command(experiment: ExperimentFinding) -> str:
        which = ["--only", experiment.scenario, "--profile", experiment.profile, "--seed", str(experiment.seed)]
        if experiment.arm in later:
            which += ["--later", f"{later[experiment.arm]:g}s"]
        return shlex.join(["pipequake", "run", *paths, *where, *which])

    return command
