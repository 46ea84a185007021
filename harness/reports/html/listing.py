"""All scenarios as one list, worst first, that can be searched, filtered and sorted; each opens to its details."""

from __future__ import annotations

from collections.abc import Sequence

from harness.reports.html.detail import experiment_card
from harness.reports.html.markup import Html, el
from harness.reports.html.opening import Anchor
from harness.reports.html.plot_data import PlotData
from harness.reports.html.summary import chip
from harness.reports.narrative import (
    HARM_NOTE,
    REPEATS_NOTE,
    Rerun,
    availability_text,
    brief_metric,
    count_text,
    detected_text,
    harm_of,
    harm_text,
    plain,
    recovered_text,
    repeated,
    repeats_text,
    telling,
)
from harness.reports.traces import TraceReader
from harness.scoring.findings import ExperimentFinding, ScenarioFinding
from harness.scoring.scorecard import Scorecard

__all__ = ["listing"]

_OUTCOMES = ("silent", "caught", "absorbed", "inert", "unknown")
_VERDICTS = ("failed", "inconclusive", "passed")
_SORTS = (
    ("worst", "worst first"),
    ("name", "by name"),
    ("detected", "slowest detection first"),
    ("harm", "most harm first"),
)
_COLUMNS = ("", "outcome", "detected", "recovered", "harm", "availability", "verdict")


def listing(
    scorecard: Scorecard,
    scenarios: Sequence[str],
    anchor: Anchor,
    *,
    rerun: Rerun | None,
    traces: TraceReader | None,
    data: PlotData,
) -> Html:
    """The section. What the interactive plots need is added to ``data``."""
    groups = {name: [e for e in scorecard.experiments if e.scenario == name] for name in scenarios}
    found = {(s.scenario, s.profile): s for s in scorecard.scenarios}
    rows = [
        _scenario(experiments, found, anchor(name), rank, rerun, traces, data)
        for rank, (name, experiments) in enumerate(groups.items())
    ]
    note = f"{HARM_NOTE} {REPEATS_NOTE}" if repeated(scorecard) else HARM_NOTE
    head = el("div", *(el("span", name) for name in _COLUMNS), class_="cells head", aria_hidden="true")
    return el(
        "section",
        el("h2", "Scenarios", id="scenarios"),
        _toolbar(scorecard, len(rows)),
        el("div", el("span", "scenario"), head, class_="columns", aria_hidden="true"),
        el("div", *rows, id="list"),
        el("p", "No scenario matches.", id="none", class_="muted", hidden=True),
        el("p", note, class_="muted note"),
        _keys(),
        class_="scenarios",
        aria_labelledby="scenarios",
    )


def _toolbar(scorecard: Scorecard, count: int) -> Html:
    """Search, filters and order; shown by the script that makes them work."""
    outcomes = {experiment.outcome.value for experiment in scorecard.experiments}
    verdicts = {experiment.verdict.value for experiment in scorecard.experiments}
    boxes = [_box("verdict", name) for name in _VERDICTS if name in verdicts]
    boxes += [_box("outcome", name) for name in _OUTCOMES if name in outcomes]
    order = [el("option", text, value=value) for value, text in _SORTS]
    return el(
        "form",
        el("label", el("span", "Search", class_="sr"), _search(), class_="search"),
        el("fieldset", el("legend", "Show only", class_="sr"), *boxes, class_="boxes"),
        el("label", el("span", "Order", class_="sr"), el("select", *order, id="sort")),
        el("button", "Open all", type="button", id="fold"),
        el("output", f"{count} of {count}", id="shown", role="status", class_="muted"),
        id="tools",
        role="search",
        hidden=True,
    )


def _search() -> Html:
    return el("input", type="search", id="search", placeholder="Search scenarios, faults, alerts", autocomplete="off")


def _box(kind: str, name: str) -> Html:
    box = el("input", type="checkbox", name=kind, value=name)
    return el("label", box, el("span", name, class_=f"pick {name}"))


def _scenario(
    experiments: Sequence[ExperimentFinding],
    found: dict[tuple[str, str], ScenarioFinding],
    name: str,
    rank: int,
    rerun: Rerun | None,
    traces: TraceReader | None,
    data: PlotData,
) -> Html:
    first = experiments[0]
    profiles = dict.fromkeys(e.profile for e in experiments)
    groups = [[e for e in experiments if e.profile == profile] for profile in profiles]
    shown = [telling(group) for group in groups]
    lines = [_line(one, found.get((one.scenario, one.profile))) for one in shown]
    head = el("summary", el("h3", first.scenario), el("span", *lines, class_="lines"))
    kinds = [el("span", f"{key.replace('_', ' ')}: {value}") for key, value in first.classification.items()]
    cards = (experiment_card(one, len(group), rerun, traces, data) for one, group in zip(shown, groups, strict=True))
    detected = [f.detection.time_to_detect_s for e in shown for f in e.faults if f.detection]
    return el(
        "details",
        head,
        el("p", first.description, class_="lead") if first.description else None,
        el("p", *kinds, class_="kinds") if kinds else None,
        *cards,
        id=name,
        class_="scenario",
        data_rank=rank,
        data_outcome=" ".join(sorted({e.outcome.value for e in experiments})),
        data_verdict=" ".join(sorted({e.verdict.value for e in experiments})),
        data_detected=f"{max((1e12 if d is None else d for d in detected), default=-1):g}",
        data_harm=f"{max(harm_of(e) or 0.0 for e in experiments):g}",
    )


def _line(experiment: ExperimentFinding, found: ScenarioFinding | None) -> Html:
    """A scenario under one profile in a line; of repeats, how they ended and their means."""
    verdict = el("span", experiment.verdict.value, class_=f"verdict {experiment.verdict.value}")
    cells: list[tuple[str, str]]
    if found is not None and found.repeats > 1:
        means = ("mttd", "mttr", "harm", "prediction_availability")
        cells = list(zip(_COLUMNS[2:6], (brief_metric(found, name) for name in means), strict=True))
        outcome = el("span", chip(found.outcome), el("small", f" {repeats_text(found)}"))
        verdict = el("span", f"{count_text(found.verdicts, 'passed')} passed", class_=f"verdict {found.verdict.value}")
    else:
        outcome = el("span", chip(experiment.outcome))
        texts = (detected_text, recovered_text, harm_text, availability_text)
        cells = list(zip(_COLUMNS[2:6], (text(experiment) for text in texts), strict=True))
    named = [el("span", el("span", f"{name} ", class_="name"), plain(text), class_="fact") for name, text in cells]
    profile = el("span", experiment.profile, class_="profile")
    return el("span", profile, outcome, *named, verdict, class_="cells")


def _keys() -> Html:
    items = [
        ("key fault", "the fault acts"),
        ("key harm", "users are worse off"),
        ("key alert", "first alert for the fault"),
        ("key other", "other alerts"),
        ("key treatment", "with the fault"),
        ("key control", "control: the same run without it"),
    ]
    return el("p", *(el("span", el("i", class_=name), text) for name, text in items), class_="legend keys")
