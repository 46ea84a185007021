"""``pipequake history`` and ``pipequake trend``."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.commands.output import write_output
from harness.console import report_console
from harness.errors import UsageError
from harness.history.columns import metrics_of_rows
from harness.history.folders import Remark
from harness.history.index import drop_index
from harness.history.listing import show_course, show_remarks, show_runs
from harness.history.page import render
from harness.history.queries import Filters, Point, RunLine, course, latest_runs, scenario_names
from harness.history.store import Store, consult, import_duckdb, open_store
from harness.scenario.durations import parse_duration
from harness.scenario.suggest import suggestion
from harness.verdict import ExitCode

__all__ = ["Selection", "history_command", "index_command", "trend_command"]

#: How the metrics that are asked for most may be called.
_SHORT = {
    "detect": "mttd",
    "recover": "mttr",
    "duration": "incident_duration",
    "availability": "prediction_availability",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """What the command line says about the runs that count."""

    results: Path
    scenario: str | None = None
    profile: str | None = None
    backend: str | None = None
    branch: str | None = None
    verdict: str | None = None
    since: str | None = None
    all_remarks: bool = False

    def filters(self, now: datetime) -> Filters:
        """The filters for the store. Raises `UsageError`."""
        since = None if self.since is None else since_moment(self.since, now)
        return Filters(self.scenario, self.profile, self.backend, self.branch, self.verdict, since)


def since_moment(text: str, now: datetime) -> datetime:
    """A date, a date with a time, or a duration back from now; in UTC, without a zone. Raises `UsageError`.

    >>> since_moment("2d", datetime(2026, 3, 3, tzinfo=UTC)), since_moment("2026-03-01", datetime.now(UTC))
    (datetime.datetime(2026, 3, 1, 0, 0), datetime.datetime(2026, 3, 1, 0, 0))
    """
    try:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = now - timedelta(seconds=parse_duration(text))
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, OverflowError):
        raise UsageError(f"--since {text}: expected a date such as 2026-03-01 or a duration such as 30d.") from None


def history_command(selection: Selection, *, limit: int, as_json: bool) -> int:
    """Lists the newest runs; the exit code."""
    filters = selection.filters(datetime.now(UTC))

    def question(store: Store) -> tuple[list[RunLine], tuple[Remark, ...]]:
        found = latest_runs(store, filters, limit)
        if not found and selection.scenario is not None and selection.scenario not in scenario_names(store):
            raise UsageError(_no_points(store, selection.scenario))
        return found, store.remarks

    lines, remarks = consult(selection.results, _say, question)
    if as_json:
        _print_json(lines)
    elif lines:
        show_runs(lines, report_console())
    else:
        nothing = "no run matches" if filters != Filters() else f"no run in {selection.results}"
        report_console().print(f"{nothing}; `pipequake run` makes one")
    show_remarks(remarks, _errors(), every=selection.all_remarks)
    return ExitCode.PASSED


def trend_command(
    scenario: str, metric: str, selection: Selection, *, limit: int, html: Path | None, as_json: bool
) -> int:
    """Shows one scenario from run to run; the exit code."""
    name = _metric(metric)
    filters = selection.filters(datetime.now(UTC))

    def question(store: Store) -> tuple[list[Point], tuple[Remark, ...]]:
        points = course(store, scenario, name, filters, limit)
        if not points:
            raise UsageError(_no_points(store, scenario))
        return points, store.remarks

    points, remarks = consult(selection.results, _say, question)
    if as_json:
        _print_json(points)
    else:
        show_course(scenario, name, points, report_console())
    if html is not None:
        write_output(html, render(scenario, name, points).encode("utf-8"), "--html")
        _say(f"page: {html}")
    show_remarks(remarks, _errors(), every=selection.all_remarks)
    return ExitCode.PASSED


def index_command(results: Path, *, rebuild: bool) -> int:
    """Brings the index up to date, or makes it again; the exit code."""
    import_duckdb()
    if rebuild:
        drop_index(results)
    store = open_store(results, _say, fold=True)
    runs = len(store.index.runs())
    _say(f"{runs} run{'s' * (runs != 1)} in {len(store.index.segments)} files of {results / '.history'}")
    show_remarks(store.remarks, _errors(), every=True)
    if not store.fresh.num_rows:
        return ExitCode.PASSED
    _say(f"not every run is in it: {results / '.history'} can't be written now, or another process writes it")
    return ExitCode.INCONCLUSIVE


def _metric(name: str) -> str:
    found = _SHORT.get(name, name)
    if found not in metrics_of_rows():
        known = [*_SHORT, *metrics_of_rows()]
        meant = suggestion(name, known, otherwise=f"Write one of: {', '.join(known)}.")
        raise UsageError(f"--metric {name}: there is no such metric. {meant}")
    return found


def _no_points(store: Store, scenario: str) -> str:
    known = scenario_names(store)
    if scenario in known:
        return f"no run of {scenario!r} matches. Leave out --profile, --backend, --branch, --verdict or --since."
    if not known:
        return f"{store.results} holds no scored run. `pipequake run` makes one."
    return f"no run has a scenario called {scenario!r}. {suggestion(scenario, known)}"


def _print_json(values: Sequence[Any]) -> None:
    found = [dataclasses.asdict(value) for value in values]
    print(json.dumps(found, indent=1, default=lambda moment: moment.isoformat() + "Z"))


def _errors() -> Console:
    return report_console(stderr=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr)
