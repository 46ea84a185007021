"""The scorecard on a terminal, within 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from harness.reports.command_lines import broken
from harness.reports.narrative import (
    BRACKETS_NOTE,
    GRADES,
    HARM_NOTE,
    REPEATS_NOTE,
    Rerun,
    availability_text,
    brief_metric,
    cost_text,
    count_text,
    detected_text,
    false_alarms_text,
    harm_of,
    harm_text,
    headline,
    holds_back_text,
    interval_text,
    maturity_text,
    metric_text,
    plain,
    recovered_text,
    repeated,
    setting,
    silent_ones,
    telling,
    tier_text,
    unmet,
    unsteady_ones,
)
from harness.scoring.findings import ExpectationFinding, ExperimentFinding, ProfileFinding, ScenarioFinding
from harness.scoring.scorecard import Scorecard
from harness.verdict import Outcome, Verdict

__all__ = ["render"]

WIDTH = 100

_OUTCOME_STYLE = {
    Outcome.CAUGHT: "blue",
    Outcome.SILENT: "bold red",
    Outcome.ABSORBED: "green",
    Outcome.INERT: "dim",
    Outcome.UNKNOWN: "magenta",
}
_VERDICT_STYLE = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.INCONCLUSIVE: "magenta"}


def render(
    scorecard: Scorecard, console: Console, *, rerun: Rerun | None = None, unrun: str = "", shown: int = 5
) -> None:
    """Prints the scorecard. ``rerun`` gives the command that runs an experiment again, ``unrun`` says how much of the
    plan never started; at most ``shown`` experiments whose claims did not come true are spelled out, the others are
    counted."""
    width = min(WIDTH, console.width)
    for part in _parts(scorecard, rerun, unrun, shown, width):
        console.print(part, width=width)


def _parts(scorecard: Scorecard, rerun: Rerun | None, unrun: str, shown: int, width: int) -> list[RenderableType]:
    verdict = Text(scorecard.verdict.value.upper(), style=f"bold {_VERDICT_STYLE[scorecard.verdict]}")
    title = Text.assemble(verdict, "  ", (headline(scorecard), "bold"))
    parts: list[RenderableType] = [Text(), title]
    if unrun:
        parts.append(Text(plain(unrun), style=_VERDICT_STYLE[Verdict.INCONCLUSIVE]))
    if scorecard.experiments:
        parts.append(Text(setting(scorecard), style="dim"))
    for profile in scorecard.profiles:
        if profile.experiments:
            parts += [Text(), _profile(profile, width), _table(scorecard, profile, width)]
    if scorecard.experiments:
        parts.append(Text(f"{HARM_NOTE} {REPEATS_NOTE if repeated(scorecard) else BRACKETS_NOTE}", style="dim"))
    profiles = scorecard.profiles
    parts += _named("Users were harmed and nobody was told", {p.profile: silent_ones(scorecard, p) for p in profiles})
    parts += _named("Not steady again after the faults", {p.profile: unsteady_ones(scorecard, p) for p in profiles})
    parts += _failures(scorecard, rerun, shown, width)
    return parts


def _profile(profile: ProfileFinding, width: int) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(
        Text(plain(profile.profile), style="bold"),
        Text.assemble((tier_text(profile.tier), "bold"), f"  held back by {holds_back_text(profile.tier)}"),
    )
    mttd = Text.assemble(_metric(profile, "mttd", "MTTD"), " at ", false_alarms_text(profile))
    others = [("mttr", "MTTR"), ("prediction_availability", "availability")]
    second = Text(" · ").join([mttd, *(_metric(profile, name, short) for name, short in others)])
    grid.add_row("", second)
    silent = profile.metric("silent_failure_detection_rate")
    counted = f", n = {silent.n}" if silent.value is not None else ""
    third = Text.assemble(_metric(profile, "silent_failure_detection_rate", "silent failures detected"), counted)
    grid.add_row("", third)
    capabilities = maturity_text(profile)
    if capabilities:
        grid.add_row("", Text(capabilities, style="dim"))
    if profile.cost is not None:
        grid.add_row("", Text(cost_text(profile.cost)))
    return grid


def _metric(profile: ProfileFinding, name: str, short: str) -> Text:
    metric = profile.metric(name)
    grade = f" ({GRADES[metric.grade]})" if metric.grade else ""
    interval = interval_text(metric)
    return Text.assemble(f"{short} ", (metric_text(metric), "bold"), f" {interval}" if interval else "", (grade, "dim"))


#: Columns of the table of scenarios besides their names: title and greatest width.
_SINGLE = (("outcome", 8), ("detected", 18), ("recovered", 16), ("harm", 9), ("avail.", 8), ("verdict", 12))
_REPEATED = (("outcome", 14), ("detected", 19), ("recovered", 18), ("harm", 18), ("passed", 7))


def _table(scorecard: Scorecard, profile: ProfileFinding, width: int) -> RenderableType:
    """A row a scenario; where scenarios were repeated, means over the repeats with their intervals."""
    mine = [scenario for scenario in scorecard.scenarios if scenario.profile == profile.profile]
    many = any(scenario.repeats > 1 for scenario in mine)
    columns = _REPEATED if many else _SINGLE
    rows = [_repeated(s) if many else _single(_only(scorecard, s)) for s in mine]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), width=width, header_style="dim")
    table.add_column("scenario", ratio=1)
    used = 0
    for (column, most), cells in zip(columns, zip(*rows, strict=True) if rows else [()] * len(columns), strict=True):
        table.add_column(column, no_wrap=True, overflow="ellipsis", max_width=most)
        used += 2 + min(most, max([len(column), *(cell.cell_len for cell in cells)]))
    for scenario, row in zip(mine, rows, strict=True):
        name = textwrap.fill(plain(scenario.scenario), max(12, width - used - 2))
        table.add_row(Text(name), *row)
    return table


def _only(scorecard: Scorecard, scenario: ScenarioFinding) -> ExperimentFinding:
    return next(e for e in scorecard.experiments if (e.scenario, e.profile) == (scenario.scenario, scenario.profile))


def _single(experiment: ExperimentFinding) -> list[Text]:
    return [
        _outcome(experiment.outcome),
        Text(detected_text(experiment)),
        Text(recovered_text(experiment)),
        Text(harm_text(experiment)),
        Text(availability_text(experiment)),
        Text(experiment.verdict.value, style=_VERDICT_STYLE[experiment.verdict]),
    ]


def _repeated(scenario: ScenarioFinding) -> list[Text]:
    return [
        _outcome(scenario.outcome).append(f" {count_text(scenario.outcomes, scenario.outcome.value)}"),
        Text(brief_metric(scenario, "mttd")),
        Text(brief_metric(scenario, "mttr")),
        Text(brief_metric(scenario, "harm")),
        Text(count_text(scenario.verdicts, "passed"), style=_VERDICT_STYLE[scenario.verdict]),
    ]


def _outcome(outcome: Outcome) -> Text:
    return Text(outcome.value.upper(), style=_OUTCOME_STYLE[outcome])


def _named(title: str, found: Mapping[str, Sequence[ExperimentFinding]]) -> list[RenderableType]:
    """A heading over the scenarios of each profile that deserve one; nothing if none does."""
    lines: list[RenderableType] = []
    for profile, experiments in found.items():
        if experiments:
            names = ", ".join(dict.fromkeys(plain(experiment.scenario) for experiment in experiments))
            lines.append(Text.assemble((f"{plain(profile)}: ", "bold"), names))
    return [Text(), Text(title, style="bold red"), *lines] if lines else []


def _failures(scorecard: Scorecard, rerun: Rerun | None, shown: int, width: int) -> list[RenderableType]:
    """The worst repeat of each scenario and profile that did not pass."""
    groups: dict[tuple[str, str], list[ExperimentFinding]] = {}
    for experiment in scorecard.experiments:
        groups.setdefault((experiment.scenario, experiment.profile), []).append(experiment)
    missed = [(telling(group), group) for group in groups.values()]
    open_ones = [(worst, group) for worst, group in missed if worst.verdict is not Verdict.PASSED]
    # What is known to be broken before what is unknown, and the most harmful first.
    open_ones.sort(key=lambda pair: (-pair[0].verdict.severity, -(harm_of(pair[0]) or 0.0)))
    parts: list[RenderableType] = []
    for experiment, group in open_ones[:shown]:
        alike = sum(other.verdict is experiment.verdict for other in group)
        repeats = f", {alike} of {len(group)} repeats" if len(group) > 1 else ""
        parts += [Text(), _failure(experiment, repeats, rerun, width)]
    if len(open_ones) > shown:
        rest = len(open_ones) - shown
        parts += [Text(), Text(f"... and {rest} more that did not pass; the report has them all.", style="dim")]
    return parts


def _failure(experiment: ExperimentFinding, repeats: str, rerun: Rerun | None, width: int) -> RenderableType:
    style = _VERDICT_STYLE[experiment.verdict]
    head = Text.assemble(
        (experiment.verdict.value, f"bold {style}"),
        f"  {plain(experiment.scenario)} under {plain(experiment.profile)}, seed {experiment.seed}{repeats}",
    )
    claims = unmet(experiment)
    body: list[RenderableType] = [_claim(claim) for claim in claims]
    if not claims:
        body = [Text("; ".join(plain(reason) for reason in experiment.reasons))]
    parts: list[RenderableType] = [Padding(part, (0, 0, 0, 2)) for part in body]
    if rerun is not None:
        parts.append(_command("  rerun  ", plain(rerun(experiment)), width))
    return Group(head, *parts)


def _command(name: str, command: str, width: int) -> Text:
    # As a text and not in a table or a padding: those fill lines with blanks, and a backslash must be a line's last.
    lines = broken(command, width - len(name)).replace("\n", "\n" + " " * len(name))
    return Text.assemble((name, "dim"), lines)


def _claim(claim: ExpectationFinding) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column()
    rows = [("expected", claim.claim), ("what", claim.what), ("why", claim.why), ("fix", claim.fix)]
    for name, text in rows:
        if text:
            grid.add_row(name, Text(plain(text)))
    return grid
