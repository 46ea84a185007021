"""network.partition"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from chaos.network.link_fault import LinkFault
from chaos.registry import register

__all__ = ["Partition"]


@register
class Partition(LinkFault):
    """Packets vanish between two services: connections stay open and nothing arrives, as behind a dead switch.

    ``direction`` makes it one-sided: ``requests`` lets answers through, ``answers`` lets requests through (which are
    then carried out, though the client never hears of it). Connections that were hit are reset at the end.

    >>> [toxic[:2] for toxic in Partition().toxics()]
    [('timeout', 'upstream'), ('timeout', 'downstream')]
    """

    name: ClassVar[str] = "network.partition"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("link:serving->store", {})

    direction: Literal["both", "requests", "answers"] = Field(default="both", description="Which way nothing passes.")

    def toxics(self) -> Iterator[tuple[str, str, Mapping[str, float]]]:
        if self.direction in ("both", "requests"):
            yield "timeout", "upstream", {"timeout": 0}
        if self.direction in ("both", "answers"):
            yield "timeout", "downstream", {"timeout": 0}
