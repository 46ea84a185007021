"""The scorecard as one self-contained page: no network, no program, light and dark, on a phone and on
paper."""

from __future__ import annotations

from importlib.resources import files

from harness.reports.html.detail import scenario_details
from harness.reports.html.markup import Html, el
from harness.reports.html.summary import comparison, maturity_table, metric_table, profile_cards, silence
from harness.reports.narrative import Rerun, headline, setting
from harness.scoring.scorecard import Scorecard

__all__ = ["render"]


def render(scorecard: Scorecard, *, rerun: Rerun | None = None) -> str:
    """The page. ``rerun`` gives the command that runs an experiment again. Every text of a scenario, an
    alert or a pipeline is escaped."""
    here = files("harness.reports.html")
    style = Html(here.joinpath("page.css").read_text(encoding="utf-8"))
    script = Html(here.joinpath("page.js").read_text(encoding="utf-8"))
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"Pipequake: {scorecard.verdict.value}"),
        el("style", style),
    )
    body = el("body", *_sections(scorecard, rerun), el("script", script))
    return "<!doctype html>\n" + el("html", head, body, lang="en") + "\n"


def _sections(scorecard: Scorecard, rerun: Rerun | None) -> list[Html | None]:
    profiles = [profile for profile in scorecard.profiles if profile.experiments]
    scenarios = sorted({experiment.scenario for experiment in scorecard.experiments})
    header = el(
        "header",
        el("p", el("b", "Pipequake"), " ", setting(scorecard) if scenarios else "", class_="brand"),
        el("h1", headline(scorecard)),
        el("p", "Verdict ", el("b", scorecard.verdict.value, class_=f"verdict {scorecard.verdict.value}")),
    )
    if not scenarios:
        return [header]
    details = [
        scenario_details(name, [e for e in scorecard.experiments if e.scenario == name], scenarios, rerun)
        for name in scenarios
    ]
    main = el(
        "main",
        profile_cards(profiles),
        silence(scorecard, profiles, scenarios),
        el("section", el("h2", "Side by side"), comparison(scorecard, profiles, scenarios)),
        el("section", el("h2", "Metrics"), metric_table(profiles), el("p", _METRIC_NOTE, class_="muted note")),
        el("section", el("h2", "Capabilities, as measured"), maturity_table(profiles)),
        el("section", el("h2", "Scenarios"), _legend(), *details, class_="details"),
    )
    return [header, main]


_METRIC_NOTE = (
    "Grades are the columns of the benchmark tables: P50 is the median organisation, P95 and P99 the worse "
    "tails. Intervals cover the randomness of runs, not whether a simulation is like your production. "
    "Detection time is worth nothing without the false alarms beside it."
)


def _legend() -> Html:
    items = [
        ("key fault", "the fault acts"),
        ("key harm", "users are worse off"),
        ("key alert", "first alert for the fault"),
        ("key other", "other alerts"),
        ("key treatment", "with the fault"),
        ("key control", "control, the same run without it"),
    ]
    button = el("button", "Open all", type="button", id="fold", hidden=True)
    return el("p", *(el("span", el("i", class_=name), text) for name, text in items), button, class_="legend keys")
