"""network.bandwidth"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from chaos.fault import Unit
from chaos.network.link_fault import LinkFault
from chaos.registry import register

__all__ = ["Bandwidth"]


@register
class Bandwidth(LinkFault):
    """Answers trickle: each connection gets ``rate_kb_s`` and no more.

    >>> next(Bandwidth(rate_kb_s=4).toxics())
    ('bandwidth', 'downstream', {'rate': 4.0})
    """

    name: ClassVar[str] = "network.bandwidth"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("link:ingestion->gateway", {"rate_kb_s": 1})

    rate_kb_s: Annotated[
        float,
        Field(gt=0.0, le=1e9, description="Kilobytes (1,000 bytes) a second and connection."),
        Unit("kB/s"),
    ]

    def toxics(self) -> Iterator[tuple[str, str, Mapping[str, float]]]:
        yield "bandwidth", "downstream", {"rate": self.rate_kb_s}
