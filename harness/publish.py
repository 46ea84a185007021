"""From a run's journal to its scorecard, rows and reports, on disk and on the terminal."""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import version

from rich.console import Console

from harness.errors import UsageError
from harness.history.rows import write_rows
from harness.journal import read_journal
from harness.report_files import ALWAYS, FILES
from harness.reports import terminal
from harness.reports.formats import Report
from harness.reports.traces import TraceReader
from harness.run_description import RunDescription, describe
from harness.run_folder import RunFolder
from harness.scoring import Scorecard, score
from harness.scoring.scorecard import UnreadableScorecard
from harness.verdict import ExitCode, Verdict, worst

__all__ = ["judged", "kept_scorecard", "publish", "reported", "require_one_policy", "scored"]


def publish(folder: RunFolder, console: Console, *, as_json: bool) -> ExitCode:
    """Scores the journal, writes ``scorecard.json``, its rows as Parquet and the forms that ``run.json`` names.

    The scorecard is shown, too.
    """
    report, wanted = reported(folder), describe(folder).reports
    for form, name in FILES.items():
        if form == ALWAYS or form in wanted:
            folder.write(name, report.text(form))
    write_rows(folder, report.scorecard)
    if as_json:
        print(report.text("json"), end="")
    else:
        terminal.render(report.scorecard, console, rerun=report.rerun, unrun=report.unrun_text)
        shown = next((FILES[form] for form in ("html", "markdown", ALWAYS) if form in (*wanted, ALWAYS)), "")
        console.print(f"\nreport: {folder.path / shown}", highlight=False, markup=False, soft_wrap=True)
    return report.scorecard.verdict.exit_code


def reported(folder: RunFolder) -> Report:
    """The report of a run's journal, judged anew. Raises `UsageError` or `JournalError` for a damaged run."""
    about, traces = describe(folder), TraceReader()
    scorecard = _whole(about, score(traces.watching(read_journal(folder.journal)), rates=about.rates))
    return Report(scorecard, about.rerun, traces, about.started, about.unrun(scorecard), about.unrun_text(scorecard))


def _whole(about: RunDescription, scorecard: Scorecard) -> Scorecard:
    """The scorecard with the verdict of the whole run: one that was cut short is at best inconclusive, and what failed
    stays failed. The journal doesn't know what isn't in it."""
    if not about.cut_short(scorecard):
        return scorecard
    return scorecard.model_copy(update={"verdict": worst([scorecard.verdict, Verdict.INCONCLUSIVE])})


def scored(folder: RunFolder) -> Scorecard:
    """The scorecard of a run's journal, with the rates that the run was given; of a pruned run the one that was kept.

    Raises `UsageError`.
    """
    if not folder.journal.exists() and folder.scorecard.exists():
        return kept_scorecard(folder)
    folder.require_whole_journal()
    about = describe(folder)
    return _whole(about, score(read_journal(folder.journal), rates=about.rates))


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

    Raises `UsageError`.
    """
    if folder.scorecard.exists() and folder.manifest().get("version") == version("pipequake"):
        with suppress(UsageError):
            return kept_scorecard(folder)
    return scored(folder)


def require_one_policy(first: Scorecard, second: Scorecard) -> None:
    """Raises `UsageError` unless both were judged by the same rules: what differs could come from these alone."""
    ours, theirs = first.policy.model_dump(), second.policy.model_dump()
    differing = [f"{name} {ours[name]:g} and {theirs[name]:g}" for name in ours if ours[name] != theirs[name]]
    if differing:
        raise UsageError(
            f"the two sides were judged by different rules ({', '.join(differing)}). Judge both again from their "
            "journals with `pipequake score`, or run the baseline anew if its journal is gone."
        )
