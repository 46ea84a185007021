"""From a run's journal to its scorecard and reports."""

from __future__ import annotations

from rich.console import Console

from harness.journal import read_journal
from harness.report_files import ALWAYS, FILES
from harness.reports import terminal
from harness.reports.formats import Report
from harness.reports.traces import TraceReader
from harness.run_description import describe
from harness.run_folder import RunFolder
from harness.scoring import Scorecard, score
from harness.verdict import ExitCode

__all__ = ["publish", "reported", "scored"]


def publish(folder: RunFolder, console: Console, *, as_json: bool) -> ExitCode:
    """Scores the journal, writes ``scorecard.json`` and the forms that ``run.json`` names, and shows the scorecard."""
    report, wanted = reported(folder), describe(folder).reports
    for form, name in FILES.items():
        if form == ALWAYS or form in wanted:
            folder.write(name, report.text(form))
    if as_json:
        print(report.text("json"), end="")
    else:
        terminal.render(report.scorecard, console, rerun=report.rerun)
        shown = next((FILES[form] for form in ("html", "markdown", ALWAYS) if form in (*wanted, ALWAYS)), "")
        console.print(f"\nreport: {folder.path / shown}", highlight=False, soft_wrap=True)
    return report.scorecard.verdict.exit_code


def reported(folder: RunFolder) -> Report:
    """The report of a run's journal, judged anew. Raises `UsageError` or `JournalError` for a damaged run."""
    about, traces = describe(folder), TraceReader()
    scorecard = score(traces.watching(read_journal(folder.journal)), rates=about.rates)
    return Report(scorecard, about.rerun, traces, about.started)


def scored(folder: RunFolder) -> Scorecard:
    """The scorecard of a run's journal, with the rates that the run was given."""
    return score(read_journal(folder.journal), rates=describe(folder).rates)
