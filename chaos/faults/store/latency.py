"""store.latency"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from chaos.fault import Unit
from chaos.network.link_fault import LinkFault
from chaos.points import PointKind
from chaos.registry import register

__all__ = ["StoreLatency"]


@register
class StoreLatency(LinkFault):
    """The feature store answers everybody slowly, by ``latency_ms`` give or take ``jitter_ms``.

    >>> next(StoreLatency(latency_ms=80).toxics())
    ('latency', 'downstream', {'latency': 80.0, 'jitter': 0.0})
    """

    name: ClassVar[str] = "store.latency"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.STORE})
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("store:store", {"latency_ms": 300})

    latency_ms: Annotated[float, Field(gt=0.0, le=86_400_000.0, description="The delay of each answer."), Unit("ms")]
    jitter_ms: Annotated[
        float,
        Field(ge=0.0, le=86_400_000.0, description="How far the delay varies, evenly, to either side."),
        Unit("ms"),
    ] = 0.0

    def toxics(self) -> Iterator[tuple[str, str, Mapping[str, float]]]:
        yield "latency", "downstream", {"latency": self.latency_ms, "jitter": self.jitter_ms}
