"""Throw-away faults for the tests of scenarios, so that these don't depend on the built-in ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from chaos.fault import ColumnKind, ColumnRef, Fault, FeedFault, Plan, PointView
from chaos.points import PointKind
from chaos.registry import Registry
from harness.scenario import TargetFacts

REGISTRY = Registry()


@REGISTRY.register
class Nulls(FeedFault):
    """Sets cells to null.

    A second paragraph that no summary shows.
    """

    name = "data.nulls"
    example = ("feed:weather", {"column": "temp"})

    column: Annotated[str, ColumnRef()]
    rate: float = Field(default=0.5, ge=0, le=1)
    how: Literal["cells", "rows"] = "cells"

    def share(self) -> float:
        return self.rate


@REGISTRY.register
class Scale(FeedFault):
    """Multiplies numbers."""

    name = "data.scale"
    example = ("feed:weather", {"columns": ["temp"]})

    columns: Annotated[tuple[str, ...], ColumnRef(ColumnKind.NUMBER)]
    by: float | None = None


@REGISTRY.register
class Kill(Fault):
    """Kills a process."""

    name = "process.end"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.SERVICE, PointKind.STORE})
    backends: ClassVar[frozenset[str]] = frozenset({"local", "compose"})
    example = ("service:training", {})

    def plan(self, view: PointView) -> Plan:
        return Plan(do=(), undo=())


@REGISTRY.register
class Cut(Fault):
    """Cuts a link."""

    name = "network.cut"
    points: ClassVar[frozenset[PointKind]] = frozenset({PointKind.LINK})
    example = ("link:serving->store", {})

    def plan(self, view: PointView) -> Plan:
        return Plan(do=(), undo=())


FACTS = TargetFacts(
    feeds={"weather": {"temp": "float64", "origin": "string"}, "planes": ("tailnum", "year"), "opaque": ()},
    services=("serving", "training"),
    stores=("store",),
    links=("serving->store", "ingestion->gateway"),
    components=("ingestion", "serving"),
    replay=(datetime(2013, 1, 1, tzinfo=UTC), datetime(2013, 12, 31, tzinfo=UTC)),
)

MINIMAL = """\
name: weather-goes-null
faults:
  - fault: data.nulls
    point: feed:weather
    with: {column: temp, rate: 0.5}
    at: 1h
expect:
  - detect_within: 30m
"""

FULL = """\
name: two-faults
description: The weather feed loses its temperatures, then training dies.
classification:
  visibility: silent
  scope: pipeline
  duration: sustained
  root_cause: data
  recovery: automatic
  impact: accuracy
tags: [weather, nightly]
seed: 3
start: 2013-06-10T00:00:00
warmup: 6h
horizon: 1d12h
steady_state:
  - {probe: availability, at_least: 0.99}
  - {probe: latency, at_least: 0.9, at_most: 1}
faults:
  - id: nulls
    fault: data.nulls
    point: feed:weather
    with: {column: temp}
    at: 90m
    for: 6h
  - fault: data.scale
    point: feed:weather
    with: {columns: [temp], by: null}
    after: {fault: nulls, effect: reverted, delay: 5m}
    for: 250ms
  - {fault: data.scale, point: feed:planes, with: {columns: [year]}, after: {fault: nulls}, for: 2h}
expect:
  - {detect_within: 30m, fault: nulls, component: ingestion}
  - {recover_within: 2h}
  - {degradation_at_most: 0.02, signal: quality}
  - {outcome: absorbed, fault: data.scale}
stop:
  - {probe: availability, below: 0.5, for: 1h}
blast_radius: {max_faults: 2, max_share: 1}
"""
