"""network.latency"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from chaos.fault import Unit
from chaos.network.link_fault import LinkFault
from chaos.registry import register

__all__ = ["Latency"]


@register
class Latency(LinkFault):
    """Answers arrive later, by ``latency_ms`` give or take ``jitter_ms``; order and bytes stay.

    >>> next(Latency(latency_ms=250).toxics())
    ('latency', 'downstream', {'latency': 250.0, 'jitter': 0.0})
    """

    name: ClassVar[str] = "network.latency"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "link:serving->store",
        {"latency_ms": 400, "jitter_ms": 100},
    )

    latency_ms: Annotated[float, Field(gt=0.0, le=86_400_000.0, description="The delay."), Unit("ms")]
    jitter_ms: Annotated[
        float,
        Field(ge=0.0, le=86_400_000.0, description="How far the delay varies, evenly, to either side."),
        Unit("ms"),
    ] = 0.0

    def toxics(self) -> Iterator[tuple[str, str, Mapping[str, float]]]:
        yield "latency", "downstream", {"latency": self.latency_ms, "jitter": self.jitter_ms}
