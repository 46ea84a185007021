"""A stage made of nothing, on virtual time: what a conductor needs, and a record of what was done to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chaos.engine import Evidence
from chaos.errors import InjectionError
from chaos.fault import Action
from chaos.points import Point
from harness.scenario import parse_scenario
from harness.targets.base import Arm
from harness.targets.reference.layout import DEFAULT_START

#: What a probe says: always the same, one after another, or depending on how far back it looks.
Reading = float | None | Iterator[float | None] | Callable[[float], float | None]


class Records:
    """A recorder that keeps what was written."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.lines: list[dict[str, Any]] = []

    def write(self, kind: str, fields: Mapping[str, Any], durable: bool = False) -> None:
        self.lines.append({**fields, "kind": kind, "t": self._clock()})

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["kind"] == kind]


class EmptyStage:
    """Signals are what ``signals`` says; a fault acts ``acts_after_s`` after it was applied.

    Each action takes ``takes_s``; the verb ``stuck`` fails.
    """

    def __init__(
        self, clock: Callable[[], float], *, acts_after_s: float = 0.0, takes_s: float = 0.0, stuck: str = ""
    ) -> None:
        self._clock = clock
        self._acts_after_s = acts_after_s
        self._takes_s = takes_s
        self._stuck = stuck
        self._listener: Callable[[str, str, int], None] = lambda *_: None
        self.signals: dict[str, Reading] = {"availability": 1.0}
        self.done: list[tuple[float, str, str]] = []

    @property
    def driver(self) -> EmptyStage:
        return self

    @property
    def time_scale(self) -> float:
        return 1.0

    def now(self) -> float:
        return self._clock()

    async def deploy(self) -> None:
        await asyncio.sleep(1)

    def probe(self, signal: str, window_s: float) -> float | None:
        reading = self.signals.get(signal)
        if callable(reading):
            return reading(window_s)
        return next(reading) if isinstance(reading, Iterator) else reading

    def on_touched(self, listener: Callable[[str, str, int], None]) -> None:
        self._listener = listener

    async def observe(self, point: Point, what: str) -> Mapping[str, Any]:
        return {}

    async def perform(self, fault_id: str, point: Point, action: Action) -> None:
        await asyncio.sleep(self._takes_s)
        if action.verb == self._stuck:
            raise InjectionError(f"{action.verb} is stuck")
        self.done.append((self.now(), action.verb, fault_id))
        if action.verb in ("kill", "pause"):
            asyncio.get_running_loop().call_later(self._acts_after_s, self._listener, fault_id, "processes", 1)

    async def evidence(self, fault_id: str) -> Evidence | None:
        return None


def treatment(faults: str, *, extra: str = "", horizon: str = "2h", warmup: str = "1h") -> Arm:
    """An arm with these faults (YAML)."""
    text = f"name: s\nwarmup: {warmup}\nhorizon: {horizon}\nfaults:\n{faults}expect: [{{outcome: inert}}]\n{extra}"
    scenario = parse_scenario(text)
    end_s = scenario.warmup_s + scenario.horizon_s
    return Arm("s/p/seed-1", "p", "sim", 1, DEFAULT_START, scenario.warmup_s, end_s, scenario, control="c")
