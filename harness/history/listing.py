"""Runs and their course as they are shown on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import groupby
from statistics import median

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.history.folders import Remark
from harness.history.plot import bars_of, draw, shares
from harness.history.queries import Point, ProfileLine, RunLine
from harness.reports.narrative import plain
from harness.scoring.metrics import all_metrics
from harness.scoring.wording import brief_text, duration_text, number_text, share_text
from harness.verdict import Outcome

__all__ = [
    "axis_text",
    "metric_title",
    "revision_text",
    "show_course",
    "show_remarks",
    "show_runs",
    "value_text",
    "when_text",
]

WIDTH = 100
_HEIGHT = 6
#: So many bars at most, each at most so wide: with the labels of the axis that is less than 80 columns.
_BARS = 64
_BAR_MOST = 4
_REMARKS_SHOWN = 5
_STYLE = {"passed": "green", "failed": "red", "inconclusive": "magenta"}
#: One letter an outcome, for a course of many runs.
LETTERS = {
    Outcome.CAUGHT: ("C", "blue"),
    Outcome.SILENT: ("S", "bold red"),
    Outcome.ABSORBED: ("a", "green"),
    Outcome.INERT: ("-", "dim"),
    Outcome.UNKNOWN: ("?", "magenta"),
}
_BADNESS = (Outcome.SILENT, Outcome.UNKNOWN, Outcome.CAUGHT, Outcome.ABSORBED, Outcome.INERT)


def show_runs(lines: Sequence[RunLine], console: Console) -> None:
    """A table with a line for each profile of each run."""
    width = min(WIDTH, console.width)
    roomy = width == WIDTH  # else lines are broken in columns that nobody copies to another command
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), width=width if roomy else None, header_style="dim")
    table.add_column("run", ratio=3 if roomy else None, no_wrap=True, overflow="ellipsis")
    table.add_column("code", ratio=2 if roomy else None, no_wrap=roomy, overflow="ellipsis")
    table.add_column("profile", ratio=1 if roomy else None, no_wrap=roomy, overflow="ellipsis")
    for name in ("tier", "detect", "recover"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("outcomes", no_wrap=True)
    table.add_column("passed", no_wrap=True, justify="right")
    for line in lines:
        for number, profile in enumerate(line.profiles):
            head = ("", "") if number else (plain(line.run), plain(revision_text(line)))
            table.add_row(*map(Text, head), *_profile_cells(profile))
    console.print(table, width=width)


def _profile_cells(line: ProfileLine) -> list[Text]:
    outcomes = Text(" ").join(
        Text(f"{count} {LETTERS[outcome][0]}", style=LETTERS[outcome][1])
        for outcome in _BADNESS
        if (count := line.outcomes[outcome.value])
    )
    passed, style = line.verdicts["passed"], _STYLE["passed"]
    if passed < line.experiments:
        style = _STYLE["failed" if line.verdicts["failed"] else "inconclusive"]
    return [
        Text(plain(line.profile)),
        Text("—" if line.tier is None else str(line.tier)),
        Text(brief_text(line.mttd_s)),
        Text(brief_text(line.mttr_s)),
        outcomes,
        Text(f"{passed}/{line.experiments}", style=style),
    ]


def revision_text(line: RunLine | Point) -> str:
    """The code that was run: branch and commit, as far as they are known."""
    commit = (line.git_commit or "")[:7]
    dirty = "+" if isinstance(line, RunLine) and line.git_dirty else ""
    return f"{line.git_branch or ''} {commit}{dirty}".strip() or "—"


def show_course(scenario: str, metric: str, points: Sequence[Point], console: Console) -> None:
    """A plot for each profile, a letter for the outcome below each bar, and the last run against those before."""
    width = min(WIDTH, console.width)
    for profile, group in groupby(points, key=lambda point: point.profile):
        mine = list(group)
        title = f"{metric_title(metric)} in {plain(scenario)} under {plain(profile)}"
        console.print(Text())
        console.print(Text.assemble((title, "bold"), f", {_span(mine)}"), width=width)
        if all(point.value is None for point in mine):
            console.print(Text(f"nothing measured; {last_text(metric, mine)}"), width=width)
            continue
        across = max(1, min(_BAR_MOST, _BARS // len(mine)))
        plot = _plot(metric, mine, across)
        console.print(Text("\n".join(plot)), width=width, no_wrap=True)
        console.print(_outcomes(mine, plot[-1].index("┤") + 1, across), width=width, no_wrap=True)
        console.print(Text(last_text(metric, mine)), width=width)
    present = {Outcome(point.outcome) for point in points}
    meaning = ", ".join(f"{LETTERS[outcome][0]} {outcome.value}" for outcome in _BADNESS if outcome in present)
    console.print(Text(f"\n{meaning}", style="dim"), width=width)


def _plot(metric: str, points: Sequence[Point], across: int) -> list[str]:
    bars = bars_of([point.value for point in points], [point.censored > 0 for point in points], _BARS)
    return draw(bars, _HEIGHT, lambda value: axis_text(metric, value), across=across)


def _outcomes(points: Sequence[Point], indent: int, across: int) -> Text:
    """A letter a bar, the worst of what it stands for."""
    strip = Text(" " * indent)
    for part in shares(len(points), _BARS):
        letter, style = LETTERS[min((Outcome(point.outcome) for point in points[part]), key=_BADNESS.index)]
        strip.append(letter.ljust(across), style=style)
    return strip


def _span(points: Sequence[Point]) -> str:
    count = f"{len(points)} run{'s' * (len(points) != 1)}"
    known = [point.started for point in points if point.started is not None]
    if not known:
        return count
    first, last = when_text(known[0]), when_text(known[-1])
    return f"{count}, {first}" if first == last else f"{count} from {first} to {last}"


def last_text(metric: str, points: Sequence[Point]) -> str:
    """The last run against the median of the others, in words."""
    last, before = points[-1], [point.value for point in points[:-1] if point.value is not None]
    text = f"last: {value_text(metric, last.value)}, {last.outcome}, in {plain(last.run)}"
    if before:
        text += f"; the median of the {len(before)} before it is {value_text(metric, median(before))}"
    never = sum(point.censored > 0 for point in points)
    return text + (f"; × marks {never} with an incident that never ended or was never detected" if never else "")


def metric_title(metric: str) -> str:
    """A metric's title."""
    return next(one.title for one in all_metrics() if one.name == metric)


def value_text(metric: str, value: float | None, durations: Callable[[float], str] = brief_text) -> str:
    """A metric's value with its unit, short; ``durations`` writes seconds."""
    unit = next(one.unit for one in all_metrics() if one.name == metric)
    if value is None or unit == "share":
        return share_text(value)
    if unit in ("s", "h"):
        return durations(value * (3600.0 if unit == "h" else 1.0))
    return number_text(value)


def axis_text(metric: str, value: float) -> str:
    """A place on an axis: durations in two units, so that half of one reads as half of it."""
    return value_text(metric, value, duration_text)


def when_text(moment: datetime) -> str:
    """A day and a time.

    >>> when_text(datetime(2026, 3, 1, 4, 5))
    '1 Mar 2026 04:05'
    """
    return f"{moment.day} {moment:%b %Y %H:%M}"


def show_remarks(remarks: Sequence[Remark], console: Console, *, every: bool = False) -> None:
    """What could not be read, and how to mend it: a line for each reason, or for ``every`` run."""
    groups: dict[tuple[bool, str], list[Remark]] = {}
    for remark in remarks:
        groups.setdefault((remark.skipped, remark.text), []).append(remark)
    lines = []
    for (skipped, text), alike in groups.items():
        shown = alike if every else alike[:1]
        for remark in shown:
            more = f" and {len(alike) - 1} more" if len(alike) > len(shown) else ""
            fix = f" ({remark.fix})" if remark.fix else ""
            lines.append(f"{'skipped' if skipped else 'note'}: {remark.run}{more}: {text}{fix}")
    for line in lines if every else lines[:_REMARKS_SHOWN]:
        console.print(Text(plain(line), style="dim"), soft_wrap=True)
    if (not every and len(lines) < len(remarks)) or len(lines) > _REMARKS_SHOWN:
        console.print(Text("--all-remarks names every one", style="dim"))
