"""Users and crowd as Locust sends them: in a process of its own, with the same answers in the journal."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.errors import InjectionError
from harness.load.generator import LoadGenerator
from harness.load.plan import Shot, write_plan
from harness.targets.base import Recorder
from harness.targets.reference.workload import PREDICT, Answers, Ask, Punctuality

__all__ = ["LocustLoad", "Ways"]

_BODIES = "harness.targets.reference.bodies"
_WAIT_S = 0.01


@dataclass(frozen=True, slots=True)
class Ways:
    """Base URLs: along which users ask, and where the crowd does; ``address`` is where the crowd comes from."""

    users: str
    crowd: str
    address: str | None = None


class LocustLoad:
    """Does what `harness.targets.reference.workload.Users` and `harness.targets.reference.crowd.Crowd` do together.

    ``clock`` gives seconds since the start, ``time_scale`` of which pass in one of the machine's; ``on_touched`` is
    told (fault id, what, how many) of each request that a fault has sent or changed.
    """

    def __init__(
        self,
        asks: Sequence[Ask],
        recorder: Recorder,
        clock: Callable[[], float],
        on_touched: Callable[[str, str, int], None],
        *,
        time_scale: float,
    ) -> None:
        self._asks = asks
        self._clock = clock
        self._on_touched = on_touched
        self._time_scale = time_scale
        self._generator: LoadGenerator | None = None
        self._answers = Answers(recorder)
        self.observed = self._answers.observed
        self.punctuality = Punctuality()

    async def open(self, ways: Ways, plan: Path, log: Path) -> None:
        """Writes the plan and starts the process; nothing is sent yet. Raises `TargetError` if that fails."""
        scale = self._time_scale
        write_plan(
            plan,
            (Shot(ask.at / scale, str(n), PREDICT, json.dumps(ask.flight)) for n, ask in enumerate(self._asks)),
        )
        options = ["--bodies", _BODIES, "--load-url", ways.crowd + PREDICT, "--time-scale", f"{scale:g}"]
        source = [] if ways.address is None else ["--load-from", ways.address]
        self._generator = await LoadGenerator.start([str(plan), ways.users, *options, *source], log)

    async def run(self) -> None:
        """Lets it send the plan, and takes what comes back, until cancelled. Raises `TargetError` if it dies."""
        generator = self._generator
        assert generator is not None, "it is opened first"
        while (now := self._clock()) <= 0:
            await asyncio.sleep(_WAIT_S)
        generator.tell({"do": "begin", "at": time.time() - now / self._time_scale})
        while True:
            said = await generator.hear()
            if "key" in said:
                self._take(said)
            elif "touched" in said:
                self._on_touched(said["id"], "requests", said["touched"])

    def _take(self, said: Mapping[str, Any]) -> None:
        ask = self._asks[int(said["key"])]
        self.punctuality.note(said["late"])
        latency_ms = (said["ended"] - ask.at / self._time_scale) * 1000
        self._answers.take(ask, self._clock(), latency_ms, said["status"], said["answer"])

    # -- the crowd

    def begin(self, load: Mapping[str, Any]) -> None:
        """Starts a load; nothing happens a second time."""
        self._running().tell({**load, "do": "load"})

    def end(self, load_id: str) -> None:
        """Ends a load, with what is under way."""
        self._tell({"do": "unload", "load_id": load_id})

    def alter(self, how: Mapping[str, Any]) -> None:
        """From now on users' requests are changed: ``alter_id``, field, factor, rate, seed."""
        self._running().tell({**how, "do": "alter"})

    def unalter(self, alter_id: str) -> None:
        """No longer; nothing happens if they weren't."""
        self._tell({"do": "unalter", "alter_id": alter_id})

    async def close(self) -> None:
        """Ends the process, and every load with it."""
        if self._generator is not None:
            await self._generator.end()

    def _running(self) -> LoadGenerator:
        if self._generator is None or not self._generator.running:
            raise InjectionError("the load generator does not run")
        return self._generator

    def _tell(self, command: Mapping[str, Any]) -> None:
        """To take something back: what has ended sends nothing any more."""
        if self._generator is not None:
            self._generator.tell(command)
