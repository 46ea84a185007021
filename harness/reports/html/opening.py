"""The first screen: the verdict, what was tested, what is bad, what to do next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.reports.digest import Bad, Step, bad_ones, next_steps, tested, title
from harness.reports.html.markup import Html, el, join
from harness.reports.narrative import plain
from harness.scoring.findings import ExperimentFinding
from harness.scoring.scorecard import Scorecard

__all__ = ["Anchor", "opening"]

Anchor = Callable[[str], str]
"""Gives the id of a scenario's details: its number, because names are anybody's text."""

#: So many scenarios are named of a kind of bad news and of a step; so many steps are shown before the rest is folded.
_NAMED, _CONCERNED, _STEPS = 5, 3, 3
_WORDS = {"passed": "Passed", "failed": "Failed", "inconclusive": "Inconclusive"}


def opening(scorecard: Scorecard, anchor: Anchor, started: str, unrun: str) -> Html:
    """The page's header."""
    verdict = scorecard.verdict.value
    when = el("time", _day(started), datetime=started) if started else None
    return el(
        "header",
        el("p", el("b", "Pipequake"), " ", when, class_="brand"),
        el("h1", el("span", _WORDS[verdict], class_=f"stamp {verdict}"), " ", el("span", title(scorecard))),
        el("p", el("b", plain(unrun), class_="bad inconclusive")) if unrun else None,
        _blocks(scorecard, anchor) if scorecard.experiments else None,
        class_=verdict,
    )


def _blocks(scorecard: Scorecard, anchor: Anchor) -> Html:
    bad, steps = bad_ones(scorecard), next_steps(scorecard)
    many = len({experiment.profile for experiment in scorecard.experiments}) > 1
    return el(
        "div",
        el("section", el("h2", "What was tested"), el("p", tested(scorecard)), class_="block"),
        el("section", el("h2", "What is bad"), *_bad(bad, anchor, many), class_="block"),
        el("section", el("h2", "What to do next"), _steps(steps, anchor, many), class_="block next"),
        class_="blocks",
    )


def _bad(found: Sequence[Bad], anchor: Anchor, many: bool) -> list[Html]:
    if not found:
        return [el("p", "Nothing: no user was harmed without an alert, and no expectation was missed.", class_="well")]
    return [
        el("p", el("b", bad.what, class_=f"bad {bad.kind}"), ": ", _names(bad.experiments, anchor, many), ".")
        for bad in found
    ]


def _steps(steps: Sequence[Step], anchor: Anchor, many: bool) -> Html:
    if not steps:
        return el("p", "Nothing has to be mended. Add the scenarios that you fear most.")
    first = el("ol", *(_step(step, anchor, many) for step in steps[:_STEPS]))
    if len(steps) <= _STEPS:
        return first
    rest = el("ol", *(_step(step, anchor, many) for step in steps[_STEPS:]), start=_STEPS + 1)
    return join(first, el("details", el("summary", f"{len(steps) - _STEPS} more"), rest, class_="more"))


def _step(step: Step, anchor: Anchor, many: bool) -> Html:
    return el("li", plain(step.text), " ", el("small", "For ", _names(step.experiments, anchor, many, _CONCERNED), "."))


def _names(experiments: Sequence[ExperimentFinding], anchor: Anchor, many: bool, most: int = _NAMED) -> Html:
    """Links to the first few scenarios; where there are several profiles, under which: once if it is one for all."""
    profiles: dict[str, list[str]] = {}
    for experiment in experiments:
        under = profiles.setdefault(experiment.scenario, [])
        under += [experiment.profile] if experiment.profile not in under else []
    alike = len({tuple(under) for under in profiles.values()}) == 1
    shown: list[str | Html] = []
    for name, under in list(profiles.items())[:most]:
        shown += [", "] * bool(shown) + [el("a", plain(name), href=f"#{anchor(name)}")]
        shown += [f" ({plain(', '.join(under))})"] if many and not alike else []
    more = len(profiles) - most
    where = f" under {plain(' and '.join(next(iter(profiles.values()))))}" if many and alike else None
    return join(*shown, f" and {more} more" if more > 0 else None, where)


def _day(started: str) -> str:
    """``2026-11-24T17:50:18+00:00`` as a person writes it; anything else as it is."""
    date, _, time = started.partition("T")
    return f"{date} {time[:5]} UTC" if time.endswith("+00:00") else started
