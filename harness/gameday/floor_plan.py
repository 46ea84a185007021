"""Where each component stands on the map: in columns from the data's sources to the users, by who calls whom."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from harness.scenario import TargetFacts

__all__ = ["FloorPlan", "floor_plan"]

#: A component that calls so many others and is called by none watches over them: it stands aside.
_OVERSEES = 4


@dataclass(frozen=True, slots=True)
class FloorPlan:
    """``columns`` from sources to users; ``aside``: what watches over all; ``links``: (from, to) between columns."""

    columns: tuple[tuple[str, ...], ...]
    aside: tuple[str, ...]
    links: tuple[tuple[str, str], ...]


def floor_plan(facts: TargetFacts) -> FloorPlan:
    """The map of a target. The column of a component is its distance from the users along the links.

    >>> facts = TargetFacts(services=("serving", "etl"), stores=("store",),
    ...                     links=("users->serving", "serving->store", "etl->store", "etl->feed"))
    >>> floor_plan(facts).columns
    (('feed',), ('etl',), ('store',), ('serving',), ('users',))
    """
    links = [(a, b) for a, _, b in (link.partition("->") for link in facts.links)]
    names = dict.fromkeys([end for link in links for end in link])
    names |= dict.fromkeys([*facts.feeds, *facts.services, *facts.stores])
    aside = _overseers(list(names), links)
    inner = [(a, b) for a, b in links if a not in aside and b not in aside]
    distance = _distances([name for name in names if name not in aside], inner)
    depth = max(distance.values(), default=0)
    columns = [[name for name in names if distance.get(name) == depth - step] for step in range(depth + 1)]
    return FloorPlan(tuple(tuple(column) for column in columns), tuple(aside), tuple(inner))


def _overseers(names: Sequence[str], links: Sequence[tuple[str, str]]) -> list[str]:
    """Those who call many and are called by none but one another; and those who have to do with them alone."""
    aside: list[str] = []
    while True:
        more = [
            name
            for name in names
            if name not in aside
            and all(a in aside for a, b in links if b == name)
            and sum(a == name for a, _ in links) >= _OVERSEES
        ]
        if not more:
            break
        aside += more
    others = {name: [b if a == name else a for a, b in links if name in (a, b)] for name in names}
    return aside + [name for name in names if name not in aside and others[name] and set(others[name]) <= set(aside)]


def _distances(names: Sequence[str], links: Sequence[tuple[str, str]]) -> dict[str, int]:
    """How many links each is away from those who are called by nobody, or from the first of all."""
    first = "users" if "users" in names else next(iter(names), "")
    distance = {first: 0} if first else {}
    waiting = deque(distance)
    while waiting:
        here = waiting.popleft()
        for a, b in links:
            for there in (b,) if a == here else (a,) if b == here else ():
                if there not in distance:
                    distance[there] = distance[here] + 1
                    waiting.append(there)
    farthest = max(distance.values(), default=0)
    return {name: distance.get(name, farthest) for name in names}
