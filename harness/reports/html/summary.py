"""What the experiments of each profile add up to: its tier, its metrics, its capabilities."""

from __future__ import annotations

from collections.abc import Sequence

from harness.reports.html.markup import Html, el, join
from harness.reports.narrative import GRADES, cost_text, interval_text, metric_text, spread_text
from harness.scoring.findings import CapabilityFinding, ProfileFinding
from harness.scoring.metrics import Metric, all_metrics
from harness.scoring.tiers import TIERS
from harness.scoring.wording import duration_text, number_text, share_text
from harness.verdict import Outcome

__all__ = ["chip", "maturity_table", "metric_table", "profile_cards"]

_ORDER = (Outcome.ABSORBED, Outcome.CAUGHT, Outcome.SILENT, Outcome.INERT, Outcome.UNKNOWN)


def chip(outcome: Outcome) -> Html:
    """An outcome as a word with its colour."""
    return el("span", outcome.value, class_=f"chip {outcome.value}")


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
        _key_metrics(profile),
        class_="card",
    )


def _outcome_bar(profile: ProfileFinding) -> Html:
    """How the experiments ended, as a bar and in words."""
    counts = [(outcome, profile.outcomes.get(outcome.value, 0)) for outcome in _ORDER]
    whole = sum(count for _, count in counts) or 1
    words = [el("span", el("i", class_=f"dot {o.value}"), f"{n} {o.value}") for o, n in counts if n]
    bars, at = [], 0
    for outcome, count in counts:
        if count:
            x, width = f"{100 * at / whole:.4g}%", f"{100 * count / whole:.4g}%"
            bars.append(el("rect", x=x, width=width, height="100%", class_=outcome.value))
            at += count
    bar = el("svg", *bars, width="100%", height=10, class_="stack", aria_hidden="true")
    return join(bar, el("p", *words, class_="legend"))


#: The metrics that decide the tier, and what they must be read with.
_KEY_METRICS = (
    ("mttd", "Time to detect"),
    ("false_alarm_rate", "False alarms"),
    ("mttr", "Time to recover"),
    ("prediction_availability", "Availability"),
    ("silent_failure_detection_rate", "Silent failures detected"),
)


def _key_metrics(profile: ProfileFinding) -> Html:
    """The few numbers behind a tier, each with its interval or with what it was counted over."""
    rows = []
    for name, title in _KEY_METRICS:
        metric = profile.metric(name)
        spread = interval_text(metric) or spread_text(metric).partition(";")[0]
        grade = el("span", GRADES[metric.grade], class_=f"grade {metric.grade}") if metric.grade else None
        value = el("dd", el("b", metric_text(metric)), " ", el("small", spread) if spread else None, grade)
        rows.append(el("div", el("dt", title), value))
    return el("dl", *rows, class_="keyed")


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
