"""Injection points: where a fault acts. ``feed:weather``, ``link:serving->store``, ``service:training``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from chaos.errors import InvalidPoint


class PointKind(StrEnum):
    """The kinds of surface that a fault can act on."""

    FEED = "feed"
    LINK = "link"
    SERVICE = "service"
    STORE = "store"
    ARTIFACT = "artifact"
    ENV = "env"
    CLOCK = "clock"
    TRAFFIC = "traffic"


@dataclass(frozen=True, slots=True)
class Point:
    """One injection point.

    >>> str(Point.parse("link:serving->store"))
    'link:serving->store'
    >>> Point.parse("link:serving->store").ends
    ('serving', 'store')
    """

    kind: PointKind
    name: str

    @classmethod
    def parse(cls, text: str) -> Point:
        """Read ``kind:name``; raises `InvalidPoint` with the kinds that exist."""
        kind, colon, name = text.partition(":")
        kinds = ", ".join(k.value for k in PointKind)
        if not colon or not name:
            raise InvalidPoint(f"expected an injection point such as 'feed:weather', got {text!r}")
        if kind not in PointKind.__members__.values():
            raise InvalidPoint(f"unknown kind of injection point {kind!r} in {text!r}; kinds: {kinds}")
        if kind == PointKind.LINK:
            client, arrow, server = name.partition("->")
            if not (client and arrow and server):
                raise InvalidPoint(f"a link is written 'link:client->server', got {text!r}")
        return cls(PointKind(kind), name)

    @property
    def ends(self) -> tuple[str, str]:
        """Client and server of a link; ``*`` stands for every one."""
        client, _, server = self.name.partition("->")
        return client, server

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"
