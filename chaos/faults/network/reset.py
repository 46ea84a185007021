"""network.reset"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from chaos.fault import Unit
from chaos.network.link_fault import LinkFault
from chaos.registry import register

__all__ = ["Reset"]


@register
class Reset(LinkFault):
    """Connections are reset (RST) when an answer begins, or some time after it.

    >>> next(Reset().toxics())
    ('reset_peer', 'downstream', {'timeout': 0.0})
    """

    name: ClassVar[str] = "network.reset"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("link:serving->features", {"toxicity": 0.5})

    after_ms: Annotated[
        float,
        Field(
            ge=0.0,
            le=86_400_000.0,
            description="How long after the answer's first bytes the connection is reset.",
        ),
        Unit("ms"),
    ] = 0.0

    def toxics(self) -> Iterator[tuple[str, str, Mapping[str, float]]]:
        yield "reset_peer", "downstream", {"timeout": self.after_ms}
