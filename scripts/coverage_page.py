"""The coverage page: what the built-in scenarios break, where, and what is left out, from the scenarios themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path

from chaos.points import Point, PointKind
from chaos.registry import registry
from harness.scenario import Scenario
from harness.scenario.classification import DIMENSIONS

Library = Sequence[tuple[Path, Scenario]]

#: The integration points of the source document; the last two are no host of their own, and known by a tag.
COMPONENTS = (
    "sources",
    "ingestion",
    "features",
    "store",
    "training",
    "registry",
    "serving",
    "orchestration",
    "monitoring",
)
BY_TAG = {"experiment tracking": "experiment-tracking", "CI/CD and releases": "release"}
#: The document's ten threats, with the tag of the scenarios that stand for each.
THREATS = {
    "training data poisoning": "data-poisoning",
    "model extraction": "model-extraction",
    "adversarial inputs": "adversarial-input",
    "artifact tampering": "artifact-tampering",
    "feature store access": "store-access",
    "configuration manipulation": "configuration-manipulation",
    "credential compromise": "credential-compromise",
    "supply chain": "supply-chain",
    "inference API abuse": "api-abuse",
    "leakage through predictions": "prediction-leakage",
}
_HOSTS = {"gateway": "sources", "mirror": "sources", "flights": "sources", "weather": "sources", "planes": "sources"}
_HOSTS |= {"replica": "store", "alerts": "monitoring", "users": "serving", "dispatch": "serving"}
_KINDS = {PointKind.FEED: "sources", PointKind.ARTIFACT: "registry", PointKind.TRAFFIC: "serving"}
_INTRODUCTION = """\
# Coverage

What the built-in scenarios break, and where. Made from the scenarios by `scripts/generate_docs.py`; an empty cell is a
hole, or a pair that makes no sense."""


def components_of(point: str) -> tuple[str, ...]:
    """The components that a point belongs to: both ends of a link.

    >>> components_of("link:serving->store"), components_of("feed:weather")
    (('serving', 'store'), ('sources',))
    """
    parsed = Point.parse(point)
    if parsed.kind in _KINDS:
        return (_KINDS[parsed.kind],)
    names = parsed.ends if parsed.kind is PointKind.LINK else (parsed.name,)
    return tuple(dict.fromkeys(_HOSTS.get(name, name) for name in names if name != "*"))


def page(library: Library) -> str:
    """The page, for scenarios with the paths of their files relative to the top."""
    families = list(dict.fromkeys(name.partition(".")[0] for name in registry.names()))
    parts = [
        _INTRODUCTION,
        f"{len(library)} scenarios, {len(registry.names())} faults in {len(families)} families.",
        "## Families by component\n\nFaults of scenarios; a fault on a link counts at both of its ends.",
        _table("family", families, COMPONENTS, _by_component(library)),
        "## The six dimensions by family\n\nScenarios, by the family of their first fault.",
        *(_dimension(name, library, families) for name in DIMENSIONS),
        "## Visibility by recovery and by impact",
        _pairs(library, "visibility", "recovery"),
        _pairs(library, "visibility", "impact"),
        "## Integration points",
        _listed(_by_integration(library), library),
        "## Threats",
        _listed({threat: _tagged(library, tag) for threat, tag in THREATS.items()}, library),
        "## Holes",
        _holes(library, families),
    ]
    return "\n\n".join(parts) + "\n"


def _family(scenario: Scenario) -> str:
    return scenario.faults[0].fault.partition(".")[0]


def _by_component(library: Library) -> Counter[tuple[str, str]]:
    return Counter(
        (spec.fault.partition(".")[0], component)
        for _, scenario in library
        for spec in scenario.faults
        for component in components_of(spec.point)
    )


def _value(scenario: Scenario, dimension: str) -> str:
    assert scenario.classification is not None
    return str(getattr(scenario.classification, dimension).value)


def _values(dimension: str) -> list[str]:
    return [str(member.value) for member in DIMENSIONS[dimension]]


def _dimension(dimension: str, library: Library, families: Sequence[str]) -> str:
    counts = Counter((_family(scenario), _value(scenario, dimension)) for _, scenario in library)
    return f"### {dimension.replace('_', ' ')}\n\n" + _table("family", families, _values(dimension), counts)


def _pairs(library: Library, one: str, other: str) -> str:
    counts = Counter((_value(scenario, one), _value(scenario, other)) for _, scenario in library)
    return _table(f"{one} / {other}", _values(one), _values(other), counts)


def _table(corner: str, rows: Iterable[str], columns: Sequence[str], counts: Mapping[tuple[str, str], int]) -> str:
    lines = [f"| {corner} | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for row in rows:
        lines.append(f"| {row} | " + " | ".join(str(counts.get((row, column), "")) for column in columns) + " |")
    return "\n".join(lines)


def _by_integration(library: Library) -> dict[str, list[str]]:
    def at(component: str) -> Callable[[Scenario], bool]:
        return lambda scenario: any(component in components_of(spec.point) for spec in scenario.faults)

    found = {component: [s.name for _, s in library if at(component)(s)] for component in COMPONENTS}
    return found | {name: _tagged(library, tag) for name, tag in BY_TAG.items()}


def _tagged(library: Library, tag: str) -> list[str]:
    return [scenario.name for _, scenario in library if tag in scenario.tags]


def _listed(groups: Mapping[str, Sequence[str]], library: Library) -> str:
    paths = {scenario.name: path for path, scenario in library}
    lines = ["| | scenarios | |", "|---|---:|---|"]
    for name, members in groups.items():
        shown = ", ".join(f"[{member}](../{paths[member].as_posix()})" for member in members[:6])
        more = f" and {len(members) - 6} more" if len(members) > 6 else ""
        lines.append(f"| {name} | {len(members)} | {shown}{more} |")
    return "\n".join(lines)


def _holes(library: Library, families: Sequence[str]) -> str:
    at = _by_component(library)
    lines = [
        f"- {component}: nothing of " + ", ".join(family for family in families if not at[family, component])
        for component in COMPONENTS
    ]
    for dimension in DIMENSIONS:
        seen = Counter(_value(scenario, dimension) for _, scenario in library)
        few = [f"{value} ({seen[value]})" for value in _values(dimension) if seen[value] < 3]
        if few:
            lines.append(f"- {dimension.replace('_', ' ')}: fewer than three scenarios are {', '.join(few)}")
    pairs = Counter((_value(s, "visibility"), _value(s, "scope"), _value(s, "duration")) for _, s in library)
    missing = [p for p in product(*map(_values, ("visibility", "scope", "duration"))) if not pairs[p]]
    lines.append("- no scenario is " + "; ".join(", ".join(triple) for triple in missing))
    return "\n".join(lines)
