"""The after-action report as one self-contained page without a script."""

from __future__ import annotations

from importlib.resources import files

from harness.gameday.after_action.findings import AfterAction, RoundFinding
from harness.gameday.after_action.wording import ended_text, entry_text, rows, since_text, verdict_text
from harness.reports.html.markup import Html, el

__all__ = ["render"]


def render(found: AfterAction) -> str:
    """The page. All text is escaped by construction."""
    style = Html(files("harness.gameday.after_action").joinpath("page.css").read_text(encoding="utf-8"))
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"After action: {found.title}"),
        el("style", style),
    )
    people = [f"{name}{f', {role}' if role else ''} ({seat})" for name, role, seat in found.people]
    body = el(
        "body",
        el(
            "header",
            el("p", "Pipequake, after action", class_="muted"),
            el("h1", found.title),
            el("p", f"{found.began[:16].replace('T', ' ')} UTC. ", "; ".join(people), class_="muted"),
        ),
        el("main", *(_round(round_) for round_ in found.rounds), _questions(found), _actions(found)),
        el("p", "How each round was judged, with its signals: ", el("a", "the run's report", href="report.html"), "."),
    )
    return "<!doctype html>\n" + el("html", head, body, lang="en") + "\n"


def _round(found: RoundFinding) -> Html:
    header = el("tr", *(el("th", name, scope="col") for name in ("After the first effect", "People", "Monitors")))
    lines = [
        el("tr", el("th", what, scope="row"), el("td", people), el("td", monitors))
        for what, people, monitors in rows(found)
    ]
    timeline = [_line(found, dict(entry.data)) for entry in found.timeline]
    premature = f"Noticed before there was anything to notice: {found.premature}." if found.premature else None
    return el(
        "section",
        el("h2", f"{found.title}: {found.scenario}"),
        el("p", ended_text(found), " ", verdict_text(found)),
        el("p", "First to notice: ", el("b", found.first), "."),
        el("div", el("table", el("thead", header), el("tbody", *lines)), class_="scroll"),
        el("p", premature, class_="muted") if premature else None,
        el("h3", "Missed") if found.missed else None,
        el("ul", *(el("li", line) for line in found.missed)) if found.missed else None,
        el("details", el("summary", f"Timeline, {len(timeline)} entries"), el("ol", *timeline, class_="timeline")),
    )


def _line(found: RoundFinding, data: dict[str, object]) -> Html:
    what, text = entry_text(data)
    t = data.get("t")
    at = since_text(found, float(t) if isinstance(t, int | float) else None)
    return el(
        "li",
        el("time", at),
        el("div", el("b", what), el("span", f" {text}") if text else None),
        class_=str(data["what"]),
    )


def _questions(found: AfterAction) -> Html | None:
    if not found.questions:
        return None
    items = []
    for question in found.questions:
        answers = [el("li", el("b", by), f": {answer}") for by, answer in question.answers]
        items.append(el("h3", question.ask))
        items.append(el("ul", *answers) if answers else el("p", "No answer.", class_="muted"))
        if question.expected:
            items.append(el("p", f"Expected: {question.expected}", class_="muted"))
    return el("section", el("h2", "Questions"), *items)


def _actions(found: AfterAction) -> Html:
    items = [
        el("li", what, el("small", f" {owner or 'nobody yet'}, written down by {by}", class_="muted"))
        for what, owner, by in found.actions
    ]
    listed = el("ul", *items) if items else el("p", "None was written down.", class_="muted")
    return el("section", el("h2", "Action items"), listed)
