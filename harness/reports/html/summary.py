"""The first screen of the page: tiers, metrics, and every scenario under every profile side by side."""

from __future__ import annotations

from collections.abc import Sequence

from harness.reports.html.markup import Html, el, join
from harness.reports.narrative import (
    GRADES,
    HARM_NOTE,
    REPEATS_NOTE,
    brief_metric,
    cost_text,
    count_text,
    metric_text,
    plain,
    reason_text,
    repeated,
    repeats_text,
    silent_ones,
    spread_text,
    suffered_text,
)
from harness.scoring.findings import CapabilityFinding, ExperimentFinding, ProfileFinding, ScenarioFinding
from harness.scoring.metrics import Metric, all_metrics
from harness.scoring.scorecard import Scorecard
from harness.scoring.tiers import TIERS
from harness.scoring.wording import duration_text, number_text, share_text
from harness.verdict import Outcome

_ORDER = (Outcome.ABSORBED, Outcome.CAUGHT, Outcome.SILENT, Outcome.INERT, Outcome.UNKNOWN)


def chip(outcome: Outcome) -> Html:
    """An outcome as a word with its colour."""
    return el("span", outcome.value, class_=f"chip {outcome.value}")


def anchor(scenario: str, scenarios: Sequence[str]) -> str:
    """The id of a scenario's details: its number, because names are anybody's text."""
    return f"s{scenarios.index(scenario) + 1}"


def profile_cards(profiles: Sequence[ProfileFinding]) -> Html:
    """A card for each profile: its tier, what holds it back, how its experiments ended."""
    return el("div", *(_card(profile) for profile in profiles), class_="cards")


def _card(profile: ProfileFinding) -> Html:
    level = profile.tier.level
    steps = [el("i", class_="on" if level is not None and tier.level <= level else None) for tier in TIERS]
    back = profile.tier.holds_back
    return el(
        "article",
        el("h3", profile.profile),
        el(
            "p",
            el("b", "?" if level is None else str(level), class_="level"),
            el("span", profile.tier.name, class_="tier-name"),
            class_="tier",
        ),
        el(
            "div",
            *steps,
            class_="steps",
            role="img",
            aria_label=f"tier {level if level is not None else 'unknown'} of 5",
        ),
        el("p", "Held back by ", "; ".join(back), ".", class_="muted") if back else None,
        _outcome_bar(profile),
        class_="card",
    )


def _outcome_bar(profile: ProfileFinding) -> Html:
    counts = [(outcome, profile.outcomes.get(outcome.value, 0)) for outcome in _ORDER]
    words = [el("span", el("i", class_=f"dot {o.value}"), f"{n} {o.value}") for o, n in counts if n]
    bars = [el("i", class_=o.value, style=f"flex:{n}") for o, n in counts if n]
    return join(el("div", *bars, class_="stack", aria_hidden="true"), el("p", *words, class_="legend"))


def metric_table(profiles: Sequence[ProfileFinding]) -> Html:
    """Metrics by profile, each with its grade and what is known about it besides its value."""
    head = el(
        "tr",
        el("th", "Metric", scope="col"),
        *(el("th", profile.profile, scope="col") for profile in profiles),
        el("th", "World class", scope="col", class_="world"),
    )
    rows = [
        el(
            "tr",
            el("th", metric.title, scope="row"),
            *(_metric_cell(profile, metric.name) for profile in profiles),
            el("td", _bound(metric), class_="world muted"),
        )
        for metric in all_metrics()
    ]
    return el("div", el("table", el("thead", head), el("tbody", *rows), class_="metrics"), class_="scroll")


def _metric_cell(profile: ProfileFinding, name: str) -> Html:
    metric = profile.metric(name)
    grade = el("span", GRADES[metric.grade], class_=f"grade {metric.grade}") if metric.grade else None
    spread = spread_text(metric)
    return el("td", el("b", metric_text(metric)), grade, el("small", spread) if spread else None)


def _bound(metric: Metric) -> str:
    if metric.columns is None:
        return "—"
    value, sign = metric.columns.world, ">" if metric.higher_is_better else "<"
    if metric.unit == "s":
        return f"{sign} {duration_text(value)}"
    return f"{sign} {share_text(value) if metric.unit == 'share' else number_text(value)}"


def maturity_table(profiles: Sequence[ProfileFinding]) -> Html:
    """The comparison matrix as measured: a level and its evidence for each capability and profile."""
    head = el("tr", el("th", "Capability", scope="col"), *(el("th", p.profile, scope="col") for p in profiles))
    rows = [
        el(
            "tr",
            el("th", first.capability, scope="row"),
            *(_capability_cell(profile.maturity[index]) for profile in profiles),
        )
        for index, first in enumerate(profiles[0].maturity)
    ]
    costs = [el("p", el("b", p.profile), f": {cost_text(p.cost)}.") for p in profiles if p.cost is not None]
    table = el("table", el("thead", head), el("tbody", *rows), class_="metrics")
    return join(el("div", table, class_="scroll"), *costs)


def _capability_cell(found: CapabilityFinding) -> Html:
    grade = {4: "world", 3: "p50", 2: "p95", 1: "p99"}.get(found.level or 0)
    name = el("span", found.name, class_=f"grade {grade}") if grade else el("span", found.name, class_="muted")
    return el("td", name, el("small", found.evidence) if found.evidence else None)


def comparison(scorecard: Scorecard, profiles: Sequence[ProfileFinding], scenarios: Sequence[str]) -> Html:
    """Scenario by scenario, profile beside profile, with the reason for each outcome."""
    head = el("tr", el("th", "Scenario", scope="col"), *(el("th", p.profile, scope="col") for p in profiles))
    rows = []
    for scenario in scenarios:
        mine = [e for e in scorecard.experiments if e.scenario == scenario]
        link = el("a", scenario, href=f"#{anchor(scenario, scenarios)}")
        found = {s.profile: s for s in scorecard.scenarios if s.scenario == scenario}
        cells = [
            _comparison_cell([e for e in mine if e.profile == p.profile], found.get(p.profile), p.profile)
            for p in profiles
        ]
        rows.append(el("tr", el("th", link, scope="row"), *cells))
    table = el("table", el("thead", head), el("tbody", *rows), class_="comparison")
    note = f"{HARM_NOTE} {REPEATS_NOTE}" if repeated(scorecard) else HARM_NOTE
    return join(el("div", table, class_="scroll"), el("p", note, class_="muted note"))


def _comparison_cell(experiments: Sequence[ExperimentFinding], found: ScenarioFinding | None, profile: str) -> Html:
    if not experiments or found is None:
        return el("td", "—", data_profile=profile)
    entry = _comparison_entry(experiments[0]) if found.repeats == 1 else _repeated_entry(found)
    return el("td", entry, data_profile=profile)


def _repeated_entry(found: ScenarioFinding) -> Html:
    means = [("detected", "mttd"), ("recovered", "mttr"), ("harm", "harm"), ("availability", "prediction_availability")]
    return el(
        "div",
        chip(found.outcome),
        el("span", f"{count_text(found.verdicts, 'passed')} passed", class_=f"verdict {found.verdict.value}"),
        el("p", f"{repeats_text(found)}."),
        el("small", ", ".join(f"{word} {brief_metric(found, name)}" for word, name in means)),
        class_="entry",
    )


def _comparison_entry(experiment: ExperimentFinding) -> Html:
    return el(
        "div",
        chip(experiment.outcome),
        el("span", experiment.verdict.value, class_=f"verdict {experiment.verdict.value}"),
        el("p", reason_text(experiment)),
        el("small", suffered_text(experiment)) if experiment.counts else None,
        class_="entry",
    )


def silence(scorecard: Scorecard, profiles: Sequence[ProfileFinding], scenarios: Sequence[str]) -> Html | None:
    """What stayed silent, by profile; nothing if nothing did."""
    items = []
    for profile in profiles:
        names = sorted({experiment.scenario for experiment in silent_ones(scorecard, profile)})
        links: list[str | Html] = []
        for name in names:
            links += [", "] * bool(links) + [el("a", plain(name), href=f"#{anchor(name, scenarios)}")]
        if names:
            items.append(el("li", el("b", profile.profile), ": ", *links))
    if not items:
        return None
    return el("section", el("h2", "Harmed users, told nobody"), el("ul", *items), class_="silence")
