"""The scorecard as Markdown, for a pull request's summary or a wiki: short enough for a comment, worst first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from harness.reports.digest import bad_ones, next_steps, severity, tested, title
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
    holds_back_text,
    metric_text,
    plain,
    reason_text,
    recovered_text,
    repeated,
    repeats_text,
    sentence,
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


#: A comment on GitHub holds 65,536 characters; some are left for whoever puts the summary into one.
LIMIT = 60_000
#: So many scenarios are named of a kind of bad news, and so many steps are listed.
_NAMED, _STEPS = 8, 5


def render(scorecard: Scorecard, *, rerun: Rerun | None = None, unrun: str = "", limit: int = LIMIT) -> str:
    """The scorecard as GitHub-flavoured Markdown. Texts of scenarios and alerts can't become markup.

    ``unrun`` says how much of the plan never started.
    Parts that would make it longer than ``limit`` characters are left out, the least bad first, and counted.
    """
    profiles = [profile for profile in scorecard.profiles if profile.experiments]
    parts = [f"# Pipequake: {scorecard.verdict.value}", f"**{escaped(title(scorecard))}** {escaped(tested(scorecard))}"]
    missing = [f"**{escaped(unrun)}**"] if unrun else []
    if not profiles:
        return "\n\n".join([parts[0], escaped(title(scorecard)), *missing]) + "\n"
    parts += [*missing, *_bad(scorecard), *_next(scorecard), "## Tiers", _tiers(profiles)]
    parts += [escaped(f"{p.profile}: {cost_text(p.cost)}.") for p in profiles if p.cost is not None]
    note = REPEATS_NOTE if repeated(scorecard) else BRACKETS_NOTE
    optional = [
        ["## Scenarios", _scenarios(scorecard), escaped(f"{HARM_NOTE} {note}")],
        ["## Metrics", _metrics(profiles)],
        *_open(scorecard, rerun),
        ["## Capabilities", _maturity(profiles)],
    ]
    left_out = 0
    for section in optional:
        fits = len("\n\n".join([*parts, *section])) < limit - 200
        parts += section if fits else []
        left_out += not fits
    if left_out:
        parts.append(
            f"{left_out} more section{'s' * (left_out > 1)} did not fit in here; the HTML report has them all."
        )
    return "\n\n".join(parts) + "\n"


def _bad(scorecard: Scorecard) -> list[str]:
    lines = []
    for bad in bad_ones(scorecard):
        names = list(dict.fromkeys(f"{e.scenario} ({e.profile})" for e in bad.experiments))
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        lines.append(f"- **{escaped(bad.what)}**: {', '.join(map(escaped, names[:_NAMED]))}{more}")
    return ["## What is bad", "\n".join(lines)] if lines else []


def _next(scorecard: Scorecard) -> list[str]:
    steps = next_steps(scorecard)
    lines = [
        f"1. {escaped(step.text)} ({escaped(', '.join(dict.fromkeys(e.scenario for e in step.experiments[:_NAMED])))})"
        for step in steps[:_STEPS]
    ]
    more = [f"\n{len(steps) - _STEPS} more below."] if len(steps) > _STEPS else []
    return ["## What to do next", "\n".join([*lines, *more])] if lines else []


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


def _open(scorecard: Scorecard, rerun: Rerun | None) -> list[list[str]]:
    """A section for each scenario and profile that did not pass, worst first, the title with the first."""
    groups: dict[tuple[str, str], list[ExperimentFinding]] = {}
    for experiment in scorecard.experiments:
        groups.setdefault((experiment.scenario, experiment.profile), []).append(experiment)
    missed = [worst for worst in map(telling, groups.values()) if worst.verdict is not Verdict.PASSED]
    missed.sort(key=severity, reverse=True)
    found = [[_failure(worst, rerun)] for worst in missed]
    return [["## Claims that did not come true", *found[0]], *found[1:]] if found else []


def _failure(experiment: ExperimentFinding, rerun: Rerun | None) -> str:
    head = f"### {escaped(experiment.scenario)} under {escaped(experiment.profile)}, seed {experiment.seed}"
    lines = [head, escaped(reason_text(experiment) or sentence("; ".join(experiment.reasons)))]
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
    shown = _SPECIAL.sub(r"\\\1", plain(text)).replace("://", ":\u200b//")
    return re.sub(r"(?i)\b(www|gh)(?=[.-])", r"\1" + "\u200b", shown)


def _code(text: str) -> str:
    """A block of code whose fence is longer than any in the text."""
    flat = plain(text)
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall("`+", flat))])
    return f"{fence}sh\n{flat}\n{fence}"
