"""From a run's journal to its scorecard and reports."""

from __future__ import annotations

import shlex

from rich.console import Console

from harness.journal import read_journal
from harness.reports import html, markdown, terminal
from harness.reports.narrative import Rerun
from harness.run_folder import RunFolder
from harness.scoring import Rates, Scorecard, score
from harness.scoring.findings import ExperimentFinding
from harness.targets.base import HARNESS_LOAD, SIMULATOR
from harness.verdict import ExitCode

__all__ = ["publish", "scored"]


def publish(folder: RunFolder, console: Console, *, as_json: bool) -> ExitCode:
    """Scores the journal, writes ``scorecard.json``, ``report.md`` and ``report.html``, and shows the scorecard."""
    scorecard = scored(folder)
    rerun = _rerun(folder)
    folder.write("scorecard.json", scorecard.to_json())
    folder.write("report.md", markdown.render(scorecard, rerun=rerun))
    folder.write("report.html", html.render(scorecard, rerun=rerun))
    _show(scorecard, console, folder, rerun, as_json=as_json)
    return scorecard.verdict.exit_code


def scored(folder: RunFolder) -> Scorecard:
    """The scorecard of a run's journal, with the rates that the run was given."""
    rates = folder.manifest().get("rates")
    return score(read_journal(folder.journal), rates=None if rates is None else Rates.model_validate(rates))


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
    load = [] if manifest.get("load", HARNESS_LOAD) == HARNESS_LOAD else ["--load", manifest["load"]]
    where = [] if backend == SIMULATOR else ["--backend", backend, "--time-scale", f"{manifest['time_scale']:g}", *load]

    def command(experiment: ExperimentFinding) -> str:
        which = ["--only", experiment.scenario, "--profile", experiment.profile, "--seed", str(experiment.seed)]
        if experiment.arm in later:
            which += ["--later", f"{later[experiment.arm]:g}s"]
        return shlex.join(["pipequake", "run", *paths, *where, *which])

    return command
