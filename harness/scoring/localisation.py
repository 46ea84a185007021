"""Which components an alert may name for a fault at a point, and which are further down the flow of data.

The vocabulary is that of the integration points of an ML pipeline, not of one target: a component that
is not among them is given the benefit of the doubt.
"""

from __future__ import annotations

from collections.abc import Iterable

from chaos.points import Point, PointKind
from harness.scoring.findings import Grade

#: What each component hands its work to.
FLOW: dict[str, tuple[str, ...]] = {
    "sources": ("ingestion",),
    "ingestion": ("features", "training"),
    "features": ("store", "training"),
    "store": ("serving",),
    "training": ("registry",),
    "registry": ("serving", "model"),
    "model": ("serving",),
    "orchestration": ("ingestion", "features", "training"),
    "serving": ("users", "monitoring", "predictions"),
    "users": (),
    "predictions": (),
    "monitoring": (),
}

#: Hosts that stand for a component when a link ends there.
_STANDS_FOR = {"gateway": "sources", "flights": "sources", "weather": "sources", "planes": "sources"}

#: Which components own the surface of a point, besides the one that it names.
_OWNERS: dict[PointKind, tuple[str, ...]] = {
    PointKind.FEED: ("sources", "ingestion"),
    PointKind.STORE: ("store", "features"),
    PointKind.ARTIFACT: ("registry", "training", "model"),
    PointKind.TRAFFIC: ("serving", "users"),
}


def expected_components(point: str) -> frozenset[str]:
    """The components that a localising alert may name.

    >>> sorted(expected_components("feed:weather"))
    ['ingestion', 'sources', 'weather']
    >>> sorted(expected_components("link:serving->store"))
    ['serving', 'store']
    """
    parsed = Point.parse(point)
    names = parsed.ends if parsed.kind == PointKind.LINK else (parsed.name,)
    named = {name for name in names if name != "*"}
    also = {_STANDS_FOR[name] for name in named if name in _STANDS_FOR}
    return frozenset(named | also | set(_OWNERS.get(parsed.kind, ())))


def grade(component: str, expected: frozenset[str]) -> Grade:
    """How well an alert from a component names a fault that acts on the expected ones.

    >>> grade("serving", expected_components("feed:weather")).value
    'detected'
    >>> grade("registry", expected_components("service:serving")).value
    'wrong_reason'
    """
    if component in expected:
        return Grade.LOCALISED
    if component not in FLOW or component in _downstream(expected):
        return Grade.DETECTED
    return Grade.WRONG_REASON


def _downstream(components: Iterable[str]) -> set[str]:
    reached: set[str] = set()
    frontier = sorted(components)
    while frontier:
        following = [after for name in frontier for after in FLOW.get(name, ()) if after not in reached]
        reached.update(following)
        frontier = following
    return reached
