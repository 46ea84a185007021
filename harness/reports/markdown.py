"""The scorecard as Markdown, for a pull request's summary or a wiki."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

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
    harm_text,
    headline,
    holds_back_text,
    metric_text,
    plain,
    reason_text,
    recovered_text,
    repeated,
    repeats_text,
    setting,
    silent_ones,
    spread_text,
    telling,
    tier_text,
    unmet,
)
from harness.scoring.findings import ExperimentFinding, ProfileFinding
from harness.scoring.metrics import all_metrics
from harness.scoring.scorecard import Scorecard
from harness.verdict import Verdict

__all__ = ["escaped", "render", "table"]


def render(scorecard: Scorecard, *, rerun: Rerun | None = None) -> str:
    """The scorecard as GitHub-flavoured Markdown. Texts of scenarios and alerts can't become markup."""
    profiles = [profile for profile in scorecard.profiles if profile.experiments]
    parts = [
        f"# Pipequake: {scorecard.verdict.value}",
        f"{escaped(headline(scorecard))} {escaped(setting(scorecard)).capitalize()}.",
    ]
    if profiles:
        parts += ["## Profiles", _tiers(profiles), _metrics(profiles), "## Capabilities", _maturity(profiles)]
        parts += [escaped(f"{p.profile}: {cost_text(p.cost)}.") for p in profiles if p.cost is not None]
        note = REPEATS_NOTE if repeated(scorecard) else BRACKETS_NOTE
        parts += ["## Scenarios", _scenarios(scorecard), escaped(f"{HARM_NOTE} {note}")]
        parts += _silent(scorecard, profiles)
        parts += _open(scorecard, rerun)
    return "\n\n".join(parts) + "\n"


def _tiers(profiles: Sequence[ProfileFinding]) -> str:
    rows = [(escaped(p.profile), escaped(tier_text(p.tier)), escaped(holds_back_text(p.tier))) for p in profiles]
    return table(("profile", "tier", "held back by"), rows)


def _metrics(profiles: Sequence[ProfileFinding]) -> str:
    rows = []
    for metric in all_metrics():
        found = [profile.metric(metric.name) for profile in profiles]
        cells = []
        for value in found:
            grade = f" ({GRADES[value.grade]})" if value.grade else ""
            cells.append(f"**{metric_text(value)}**{grade}<br>{escaped(spread_text(value))}".removesuffix("<br>"))
        rows.append((metric.title, *cells))
    return table(("metric", *(escaped(profile.profile) for profile in profiles)), rows)


def _maturity(profiles: Sequence[ProfileFinding]) -> str:
    """Measured levels, the evidence in small print."""
    rows = []
    for index, first in enumerate(profiles[0].maturity):
        found = [profile.maturity[index] for profile in profiles]
        cells = [f"**{one.name}**" + (f"<br>{escaped(one.evidence)}" if one.evidence else "") for one in found]
        rows.append((first.capability, *cells))
    return table(("capability", *(escaped(profile.profile) for profile in profiles)), rows)


def _repeats(scorecard: Scorecard) -> str:
    rows = [
        (
            escaped(s.scenario),
            escaped(s.profile),
            repeats_text(s),
            *(escaped(brief_metric(s, name)) for name in ("mttd", "mttr", "harm", "prediction_availability")),
            f"{count_text(s.verdicts, 'passed')} passed",
        )
        for s in scorecard.scenarios
    ]
    columns = ("scenario", "profile", "outcomes", "detected", "recovered", "harm", "availability", "verdicts")
    return table(columns, rows)


def _scenarios(scorecard: Scorecard) -> str:
    if repeated(scorecard):
        return _repeats(scorecard)
    rows = [
        (
            escaped(e.scenario),
            escaped(e.profile),
            e.outcome.value.upper(),
            escaped(detected_text(e)),
            escaped(recovered_text(e)),
            harm_text(e),
            availability_text(e),
            e.verdict.value,
        )
        for e in scorecard.experiments
    ]
    columns = ("scenario", "profile", "outcome", "detected", "recovered", "harm", "availability", "verdict")
    return table(columns, rows)


def _silent(scorecard: Scorecard, profiles: Sequence[ProfileFinding]) -> list[str]:
    lines = []
    for profile in profiles:
        names = list(dict.fromkeys(escaped(experiment.scenario) for experiment in silent_ones(scorecard, profile)))
        if names:
            lines.append(f"- **{escaped(profile.profile)}**: {', '.join(names)}")
    return ["## Silent: users were harmed and nobody was told", "\n".join(lines)] if lines else []


def _open(scorecard: Scorecard, rerun: Rerun | None) -> list[str]:
    groups: dict[tuple[str, str], list[ExperimentFinding]] = {}
    for experiment in scorecard.experiments:
        groups.setdefault((experiment.scenario, experiment.profile), []).append(experiment)
    found = [_failure(worst, rerun) for worst in map(telling, groups.values()) if worst.verdict is not Verdict.PASSED]
    return ["## Claims that did not come true", *found] if found else []


def _failure(experiment: ExperimentFinding, rerun: Rerun | None) -> str:
    head = f"### {escaped(experiment.scenario)} under {escaped(experiment.profile)}, seed {experiment.seed}"
    lines = [head, escaped(reason_text(experiment)) or escaped("; ".join(experiment.reasons))]
    items = []
    for claim in unmet(experiment):
        items.append(f"- **{claim.verdict.value}**: {escaped(claim.claim)}")
        items += [
            f"  - {name}: {escaped(text)}"
            for name, text in (("what", claim.what), ("why", claim.why), ("fix", claim.fix))
            if text
        ]
    if items:
        lines.append("\n".join(items))
    if rerun is not None:
        lines.append(_code(rerun(experiment)))
    return "\n\n".join(line for line in lines if line)


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are Markdown already."""
    header = list(columns)
    lines = [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$@&!])")


def escaped(text: str) -> str:
    """Text that Markdown shows as it is: nothing in it is markup, a link, a mention or a table's edge.

    >>> escaped("a|b <img> @all")
    'a\\\\|b \\\\<img\\\\> \\\\@all'
    """
    return _SPECIAL.sub(r"\\\1", plain(text)).replace("://", ":\u200b//")


def _code(text: str) -> str:
    """A block of code whose fence is longer than any in the text."""
    flat = plain(text)
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", flat))])
    return f"{fence}sh\n{flat}\n{fence}"
