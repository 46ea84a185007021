"""A run against its baseline, for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.reports.comparison import left_out_text
from harness.reports.markdown import escaped, table
from harness.reports.narrative import plain
from harness.scoring.regression import Gate
from harness.verdict import Verdict, worst

__all__ = ["markdown", "render"]

WIDTH = 100
_STYLE = {Verdict.PASSED: "green", Verdict.FAILED: "bold red", Verdict.INCONCLUSIVE: "magenta"}
_COLUMNS = ("", "baseline", "now", "", "why")
_HEADLINES = {
    Verdict.PASSED: "no regression",
    Verdict.FAILED: "a regression",
    Verdict.INCONCLUSIVE: "not everything can be told",
}
_ALONE = (
    "No scenario was repeated: what is said holds for these seeds and phases of the injection, and nothing is known "
    "about others. `pipequake run --repeats 10` on both sides tells more."
)


def render(gates: Sequence[Gate], console: Console) -> None:
    """Prints the gates, within 100 columns."""
    width = min(WIDTH, console.width)
    verdict = worst(gate.verdict for gate in gates)
    head = Text.assemble((verdict.value.upper(), _STYLE[verdict]), f"  {_headline(gates, verdict)}", style="bold")
    console.print(head, width=width)
    for gate in gates:
        console.print(Text.assemble("\n", (plain(gate.profile), "bold"), f"  {pairs_text(gate)}"), width=width)
        shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), width=width, header_style="dim")
        for column in _COLUMNS:
            shown.add_column(column, ratio=1 if column == "why" else None)
        for check in gate.checks:
            cells = [check.name, plain(check.first), plain(check.second)]
            shown.add_row(*cells, Text(check.verdict.value, style=_STYLE[check.verdict]), Text(plain(check.why)))
        if gate.checks:
            console.print(shown, width=width)
    if _alone(gates):
        console.print(Text(f"\n{_ALONE}", style="dim"), width=width)


def markdown(gates: Sequence[Gate]) -> str:
    """The gates as GitHub-flavoured Markdown, for a pull request."""
    verdict = worst(gate.verdict for gate in gates)
    parts = [f"## Gate {verdict.value}: {_headline(gates, verdict)}"]
    for gate in gates:
        parts.append(f"**{escaped(plain(gate.profile))}** {escaped(pairs_text(gate))}")
        rows = [
            [escaped(plain(text)) for text in (check.name, check.first, check.second, check.verdict.value, check.why)]
            for check in gate.checks
        ]
        if rows:
            parts.append(table(_COLUMNS, rows))
    return "\n\n".join([*parts, *([escaped(_ALONE)] if _alone(gates) else [])]) + "\n"


def _headline(gates: Sequence[Gate], verdict: Verdict) -> str:
    return _HEADLINES[verdict] if any(gate.pairs for gate in gates) else "nothing can be told"


def pairs_text(gate: Gate) -> str:
    """What stands against what."""
    sides = f"{plain(gate.first)} -> {plain(gate.second)}"
    left_out = left_out_text(gate.left_out, gate.unpaired)
    pairs = f"{gate.pairs} pair{'s' * (gate.pairs != 1)} of experiments"
    hint = "" if gate.pairs else ". Run the same scenarios with the same --seed and --repeats on both sides."
    return f"{sides}, {pairs}{left_out}{hint}"


def _alone(gates: Sequence[Gate]) -> bool:
    return any(gate.pairs for gate in gates) and not any(gate.repeated for gate in gates)
