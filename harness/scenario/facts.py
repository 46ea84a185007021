"""What a target is made of, so that a scenario can be checked against it before anything runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chaos.points import PointKind

__all__ = ["TargetFacts"]


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """The parts of a target by kind of injection point, and the time span of its data.

    ``feeds`` maps each feed to its columns: names, or {name: type} as in a manifest so that types are checked
    too; none if they aren't known. ``links`` are written ``client->server``. ``components`` are the names
    that alerts may blame. ``replay`` is the span of the data that can be replayed, in UTC; None if it isn't
    known.

    >>> facts = TargetFacts(feeds={"weather": ("temp", "dewp")}, services=("training",))
    >>> facts.names(PointKind.FEED), facts.names(PointKind.CLOCK)
    (('weather',), ('training',))
    """

    feeds: Mapping[str, Collection[str]] = field(default_factory=dict)
    services: Sequence[str] = ()
    stores: Sequence[str] = ()
    links: Sequence[str] = ()
    envs: Sequence[str] = ()
    artifacts: Sequence[str] = ()
    traffic: Sequence[str] = ()
    components: Sequence[str] = ()
    replay: tuple[datetime, datetime] | None = None

    def names(self, kind: PointKind) -> tuple[str, ...]:
        """What exists of one kind; a clock belongs to a service."""
        by_kind: dict[PointKind, Sequence[str]] = {
            PointKind.FEED: tuple(self.feeds),
            PointKind.LINK: self.links,
            PointKind.SERVICE: self.services,
            PointKind.STORE: self.stores,
            PointKind.ARTIFACT: self.artifacts,
            PointKind.ENV: self.envs,
            PointKind.CLOCK: self.services,
            PointKind.TRAFFIC: self.traffic,
        }
        return tuple(by_kind[kind])
