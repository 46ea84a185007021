"""The after-action report as Markdown."""

from __future__ import annotations

from harness.gameday.after_action.findings import AfterAction, RoundFinding
from harness.gameday.after_action.wording import ended_text, entry_text, rows, since_text, verdict_text
from harness.reports.markdown import escaped as text
from harness.reports.markdown import table

__all__ = ["render"]


def render(found: AfterAction) -> str:
    """The report. Nothing that people or the pipeline wrote can become markup."""
    parts = [f"# After action: {text(found.title)}", f"Begun {found.began[:16].replace('T', ' ')} UTC."]
    if found.people:
        people = [f"- {text(name)}{', ' + text(role) if role else ''} ({seat})" for name, role, seat in found.people]
        parts += ["\n".join(people)]
    for round_ in found.rounds:
        parts += _round(round_)
    if found.questions:
        parts.append("## Questions")
        for question in found.questions:
            answers = [f"- **{text(by)}**: {text(answer)}" for by, answer in question.answers] or ["- no answer"]
            expected = [f"- expected: {text(question.expected)}"] if question.expected else []
            parts.append("\n".join([f"**{text(question.ask)}**", "", *answers, *expected]))
    parts.append("## Action items")
    items = [f"- [ ] {text(what)}{' (' + text(owner) + ')' if owner else ''}" for what, owner, _ in found.actions]
    parts.append("\n".join(items) or "None was written down.")
    return "\n\n".join(parts) + "\n"


def _round(found: RoundFinding) -> list[str]:
    parts = [
        f"## {text(found.title)}: {text(found.scenario)}",
        text(f"{ended_text(found)} {verdict_text(found)} First to notice: {found.first}."),
        table(("after the first effect", "people", "monitors"), [tuple(map(text, row)) for row in rows(found)]),
    ]
    if found.premature:
        parts.append(f"Noticed before there was anything to notice: {found.premature}.")
    if found.missed:
        parts += ["### Missed", "\n".join(f"- {text(line)}" for line in found.missed)]
    lines = [(since_text(found, e.data.get("t")), *map(text, entry_text(e.data))) for e in found.timeline]
    return [*parts, "### Timeline", table(("at", "what", ""), lines)]
