"""Two sides of a comparison, for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.reports.markdown import escaped, table
from harness.reports.narrative import plain
from harness.scoring.comparison import Change, Comparison, MetricChange, ScenarioChange
from harness.scoring.policy import HOUR_S
from harness.scoring.wording import duration_text, number_text, share_text
from harness.verdict import Verdict

__all__ = ["left_out_text", "markdown", "render"]

WIDTH = 100
#: So many regressions are named in the headline, and so many scenarios that were left out.
NAMED = 4
_STYLE = {Change.BETTER: "green", Change.WORSE: "bold red", Change.SAME: "dim", Change.UNKNOWN: "magenta"}
_COLUMNS = ("metric", "first", "second", "change", "interval", "")


def render(comparison: Comparison, console: Console) -> None:
    """Prints the comparison, within 100 columns."""
    width = min(WIDTH, console.width)
    console.print(Text())
    console.print(Text(headline(comparison), style="bold"), width=width)
    console.print(Text(pairs_text(comparison), style="dim"), width=width)
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), width=width, header_style="dim")
    for column in _COLUMNS:
        shown.add_column(column, ratio=1 if column == "metric" else None)
    for change in comparison.metrics:
        shown.add_row(*_row(change), Text(_word(change), style=_STYLE[change.change]))
    console.print(shown, width=width)
    for scenario in comparison.scenarios:
        line = Text.assemble((f"{scenario.change.value:<7}", _STYLE[scenario.change]), f" {scenario_text(scenario)}")
        console.print(line, width=width)


def markdown(comparison: Comparison) -> str:
    """The comparison as GitHub-flavoured Markdown, for a pull request."""
    rows = [(*map(escaped, _row(change)), _bold(change.change, _word(change))) for change in comparison.metrics]
    parts = [f"## {escaped(headline(comparison))}", escaped(pairs_text(comparison)), table(_COLUMNS, rows)]
    lines = [f"- **{change.change.value}** {escaped(scenario_text(change))}" for change in comparison.scenarios]
    return "\n\n".join([*parts, *(["\n".join(lines)] if lines else [])]) + "\n"


def headline(comparison: Comparison) -> str:
    """The comparison in one sentence."""
    sides = f"{plain(comparison.first)} -> {plain(comparison.second)}"
    if comparison.verdict is Verdict.INCONCLUSIVE:
        return f"{sides}: nothing can be told"
    if not comparison.regressions:
        better = sum(change.change is Change.BETTER for change in comparison.metrics)
        return f"{sides}: nothing got worse beyond noise" + (
            f", {better} metric{'s' * (better > 1)} got better" if better else ""
        )
    named = [plain(name) for name in comparison.regressions[:NAMED]]
    more = len(comparison.regressions) - len(named)
    return f"{sides}: worse in {', '.join(named)}" + (f" and {more} more" if more else "")


def pairs_text(comparison: Comparison) -> str:
    """What was compared, and how sure the intervals are."""
    text = f"{comparison.pairs} pair{'s' * (comparison.pairs != 1)} of experiments"
    text += f"{left_out_text(comparison.left_out, comparison.unpaired)}."
    text += f" Intervals of {share_text(round(comparison.confidence, 4))} each, so that all of them hold with 95 %."
    if comparison.detection_p is not None:
        p = "p < 0.001" if comparison.detection_p < 0.001 else f"p = {number_text(comparison.detection_p)}"
        text += f" Times to detect differ with {p} (log-rank)."
    return text


def left_out_text(left_out: Mapping[str, int], unpaired: Mapping[str, Sequence[str]]) -> str:
    """How many experiments were left out and why, and the scenarios of which nothing is left.

    >>> left_out_text({"only on the first side": 3}, {"only on the first side": ("a", "b")})
    '; 3 left out: only on the first side (a, b)'
    """
    return "".join(
        f"; {count} left out: {plain(reason)}{_named(unpaired.get(reason, ()))}" for reason, count in left_out.items()
    )


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f" ({', '.join(map(plain, names[:NAMED]))}{more})" if names else ""


def scenario_text(change: ScenarioChange) -> str:
    """How a scenario ended on both sides."""
    before, after = (_outcomes(counts, change.pairs) for counts in (change.first, change.second))
    text = f"{plain(change.scenario)}: {before} -> {after}"
    if change.passed_first != change.passed_second:
        text += f", passed {change.passed_first} -> {change.passed_second} of {change.pairs}"
    return text


def _outcomes(counts: dict[str, int], pairs: int) -> str:
    if len(counts) == 1:
        return next(iter(counts)).upper()
    return " ".join(f"{name.upper()} {count}/{pairs}" for name, count in counts.items())


def _row(change: MetricChange) -> tuple[str, ...]:
    if change.ratio is not None:
        size, bounds = f"x {number_text(change.ratio)}", [_factor(change.low), _factor(change.high)]
    elif change.difference is not None:
        size, bounds = _points(change.difference), [_points(change.low), _points(change.high)]
    else:
        size, bounds = "—", []
    known = bounds and change.low is not None
    return (
        change.title,
        _value(change, change.first),
        _value(change, change.second),
        size,
        f"[{bounds[0]} to {bounds[1]}]" if known else "—",
    )


def _factor(value: float | None) -> str:
    return "any" if value is None else number_text(value)


def _points(value: float | None) -> str:
    return "any" if value is None else "0 pp" if not value else f"{100 * value:+.3g} pp"


def _value(change: MetricChange, value: float | None) -> str:
    if value is None:
        return "—"
    if change.unit in ("s", "h"):
        return duration_text(value * (HOUR_S if change.unit == "h" else 1))
    return share_text(value) if change.unit == "share" else number_text(value)


def _word(change: MetricChange) -> str:
    if change.change is not Change.UNKNOWN:
        return change.change.value
    return "not measured" if change.first is None or change.second is None else "too few pairs"


def _bold(change: Change, text: str) -> str:
    return f"**{text}**" if change in (Change.BETTER, Change.WORSE) else text
