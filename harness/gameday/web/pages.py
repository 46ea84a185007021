"""The console's pages. All text is escaped by construction (`harness.reports.html.markup`)."""

from __future__ import annotations

from collections.abc import Sequence

from harness.gameday.game import Mark, Person, Seat
from harness.gameday.plan import Plan
from harness.reports.html.markup import Html, el, join

__all__ = ["console", "join_form", "stranger"]

_MARKS = {
    Mark.NOTICED: ("Noticed", "Something is wrong"),
    Mark.HYPOTHESIS: ("Hypothesis", "It may be this"),
    Mark.DIAGNOSED: ("Diagnosed", "It is this"),
    Mark.MITIGATED: ("Mitigated", "This was done"),
    Mark.NOTE: ("Note", "For the record"),
}
_SPEEDS = (1, 10, 30, 60, 120, 300, 600, 1000)


def console(person: Person, plan: Plan, components: Sequence[str]) -> str:
    """The console of a person; scripts fill it from the stream."""
    facilitates = person.seat is Seat.FACILITATOR
    main = el(
        "main",
        el("section", _banner(), _map(), _timeline(facilitates), _feed(), class_="watch"),
        el(
            "div",
            _script() if facilitates else None,
            _questions(),
            _marks(components),
            _actions(),
            class_="side",
        ),
        id="main",
    )
    body = el(
        "body",
        el("a", "Skip to the console", href="#main", class_="skip"),
        _header(person, plan),
        el("p", id="trouble", role="alert", hidden=True),
        main,
        _abort(),
        _briefing(plan, person),
        _script_tag("map.js"),
        _script_tag("chart.js"),
        _script_tag("console.js"),
        data_seat=person.seat.value,
        data_name=person.name,
    )
    return _document(plan.title, body)


def join_form(plan: Plan, seat: Seat, token: str, problem: str = "") -> str:
    """Where a link leads: who are you?"""
    roles = [el("option", role.name, value=role.name) for role in plan.roles]
    duties = [join(el("dt", role.name), el("dd", role.duty)) for role in plan.roles if role.duty]
    name = _void("input", id="name", name="name", maxlength=60, required=True, autocomplete="name", autofocus=True)
    pick = el("select", el("option", "none", value=""), *roles, id="role", name="role")
    form = el(
        "form",
        _void("input", type="hidden", name="token", value=token),
        el("label", "Your name", for_="name"),
        name,
        *((el("label", "Your role", for_="role"), pick) if roles else ()),
        el("p", problem, role="alert", class_="problem") if problem else None,
        el("button", "Join", type="submit", class_="primary"),
        method="post",
        action="/join",
    )
    card = el(
        "main",
        el("p", "Pipequake gameday", class_="brand"),
        el("h1", plan.title),
        el("p", f"You join as {'the facilitator' if seat is Seat.FACILITATOR else 'a participant'}.", class_="muted"),
        form,
        el("dl", *duties, class_="duties") if duties else None,
        class_="card narrow",
    )
    return _document(f"Join: {plan.title}", el("body", card, _script_tag("join.js")))


def stranger() -> str:
    """For whoever comes without a link."""
    card = el(
        "main",
        el("p", "Pipequake gameday", class_="brand"),
        el("h1", "This needs the link"),
        el(
            "p",
            "Open the link that `pipequake gameday` printed when it started. It carries a token; the bare address does "
            "not. If you had joined before, the gameday may have been another one.",
        ),
        class_="card narrow",
    )
    return _document("Pipequake gameday", el("body", card))


def _document(title: str, body: Html) -> str:
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        _void("link", rel="stylesheet", href="/static/console.css"),
        _void("link", rel="icon", href="/static/icon.svg", type="image/svg+xml"),
    )
    return "<!doctype html>\n" + el("html", head, body, lang="en") + "\n"


def _void(tag: str, /, **attributes: str | int | bool) -> Html:
    return Html(el(tag, **attributes).removesuffix(f"</{tag}>"))


def _script_tag(name: str) -> Html:
    return el("script", src=f"/static/{name}", defer=True)


def _header(person: Person, plan: Plan) -> Html:
    return el(
        "header",
        el("div", el("p", "Pipequake gameday", class_="brand"), el("h1", plan.title), class_="titles"),
        el("div", el("p", "Waiting to begin", id="round-title"), el("p", id="phase", class_="muted"), class_="where"),
        el(
            "div",
            el("p", "—", id="clock", class_="clock", title="The pipeline's time, UTC"),
            el("p", el("span", id="pace"), class_="muted"),
            class_="time",
        ),
        el(
            "div",
            el("p", el("i", class_="beat", id="beat"), el("span", "connecting", id="connection"), role="status"),
            el("p", f"{person.name}{f', {person.role}' if person.role else ''}", class_="muted"),
            el("button", "Briefing", type="button", id="open-briefing", class_="quiet") if plan.briefing else None,
            class_="who",
        ),
    )


def _banner() -> Html:
    return el("div", id="banner", role="status", hidden=True)


def _map() -> Html:
    return el(
        "section",
        el("h2", "The pipeline", id="map-title"),
        el("div", id="map", class_="map"),
        el("p", "Waiting for the first round.", id="map-empty", class_="muted"),
        class_="panel",
        aria_labelledby="map-title",
    )


def _timeline(facilitates: bool) -> Html:
    keys = [("alert", "alert"), ("person", "mark"), *([("fault", "fault")] if facilitates else [])]
    legend = [el("span", el("i", class_=f"key {name}"), text) for name, text in keys]
    return el(
        "section",
        el("div", el("h2", "Timeline", id="chart-title"), el("p", *legend, class_="legend"), class_="heading"),
        el("div", id="chart", class_="chart", role="img", aria_label="Signals, alerts and marks over time"),
        el("p", "Signals appear here when a round has begun.", id="chart-empty", class_="muted"),
        class_="panel",
        aria_labelledby="chart-title",
    )


def _script() -> Html:
    """The facilitator's own panel."""
    speeds = [el("option", f"{speed}×", value=speed) for speed in _SPEEDS]
    return el(
        "section",
        el("h2", "Facilitator", id="script-title"),
        el("div", id="secret", class_="secret"),
        el(
            "div",
            el("button", "Inject the fault", type="button", id="inject", class_="primary", hidden=True),
            el("button", "Take the fault back", type="button", id="call-off", hidden=True),
            el("button", "Pause", type="button", id="pause", hidden=True),
            el("label", "Speed ", el("select", *speeds, id="speed"), id="speed-label", hidden=True),
            el("button", "End the round", type="button", id="end-round", hidden=True),
            class_="buttons",
        ),
        el("ol", id="rounds", class_="rounds"),
        el("button", "End the gameday", type="button", id="conclude", class_="quiet"),
        class_="panel facilitator",
        aria_labelledby="script-title",
    )


def _questions() -> Html:
    return el(
        "section",
        el("h2", "Questions", id="questions-title"),
        el("div", id="questions"),
        class_="panel",
        id="questions-panel",
        aria_labelledby="questions-title",
        hidden=True,
    )


def _marks(components: Sequence[str]) -> Html:
    kinds = [
        el("button", el("b", name), el("small", what), type="submit", value=mark.value, class_=f"mark {mark.value}")
        for mark, (name, what) in _MARKS.items()
    ]
    options = [el("option", "not sure", value=""), *(el("option", name, value=name) for name in components)]
    return el(
        "section",
        el("h2", "Mark what you see", id="marks-title"),
        el(
            "form",
            el("label", "What do you see or think?", for_="mark-text"),
            el("textarea", id="mark-text", rows=2, maxlength=2000),
            el("label", "Where?", for_="mark-where"),
            el("select", *options, id="mark-where"),
            el("div", *kinds, class_="marks"),
            el("p", id="mark-said", role="status", class_="said"),
            id="marks",
        ),
        class_="panel",
        aria_labelledby="marks-title",
    )


def _actions() -> Html:
    return el(
        "details",
        el("summary", "Action item"),
        el(
            "form",
            el("label", "What should be done after today?", for_="action-text"),
            _void("input", id="action-text", maxlength=2000),
            el("label", "Who?", for_="action-owner"),
            _void("input", id="action-owner", maxlength=80),
            el("button", "Add", type="submit"),
            el("p", id="action-said", role="status", class_="said"),
            id="actions",
        ),
        class_="panel",
    )


def _feed() -> Html:
    return el(
        "section",
        el("h2", "What happened", id="feed-title"),
        el("ol", id="feed", class_="feed", role="log", aria_live="polite", aria_labelledby="feed-title", tabindex="0"),
        el("p", "Nothing yet.", id="feed-empty", class_="muted"),
        class_="panel feed-panel",
    )


def _abort() -> Html:
    return el(
        "div",
        el(
            "button",
            el("b", "Abort"),
            el("small", "reverts every fault at once and ends the round"),
            type="button",
            id="abort",
            class_="abort",
        ),
        class_="abort-bar",
        id="abort-bar",
        hidden=True,
    )


def _briefing(plan: Plan, person: Person) -> Html | None:
    if not plan.briefing:
        return None
    duty = next((role.duty for role in plan.roles if role.name == person.role), None)
    return el(
        "dialog",
        el("h2", "Briefing"),
        *(el("p", part) for part in plan.briefing.split("\n\n")),
        el("p", el("b", f"You, {person.role}: "), duty) if duty else None,
        el("form", el("button", "Close", class_="primary"), method="dialog"),
        id="briefing",
        aria_label="Briefing",
    )
