"""An orchestrator in a world of its own, with services that only remember what they were asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from harness.sim import World
from reference_pipeline.http import ServiceError
from reference_pipeline.orchestration.app import OrchestrationConfig, Orchestrator

RUNBOOKS = dict.fromkeys(("restart", "rollback", "fallback", "backfill", "retrain"), 0.0)
Script = Callable[[Orchestrator], Awaitable[None]]


class Service:
    """Takes ``takes_s`` for a call, and answers it with ``answer``; the next ``failures`` calls with an error."""

    def __init__(self, name: str, calls: list[tuple[float, str, str, Any]], clock: Callable[[], float]) -> None:
        self._name, self._calls, self._clock = name, calls, clock
        self.failures = 0
        self.takes_s = 0.0
        self.answer: Any = {"version": "m2"}

    async def post(self, path: str, body: Any = None) -> Any:
        self._calls.append((self._clock(), self._name, path, body))
        await asyncio.sleep(self.takes_s)
        if self.failures:
            self.failures -= 1
            raise ServiceError(500, "not now")
        return self.answer

    put = post


class Deployment:
    """An orchestrator in a world of its own."""

    def __init__(self, *, canary_s: float = 0.0, retries: int = 0, training_failures: int = 0) -> None:
        self.world = World(epoch=0.0, seed=1)
        self.world.add_host("orchestration")
        self.calls: list[tuple[float, str, str, Any]] = []
        self.restarted: list[tuple[float, str]] = []
        clock = self.world.loop.time
        names = ("registry", "features", "ingestion", "training", "serving")
        self.services = {name: Service(name, self.calls, clock) for name in names}
        self.services["training"].failures = training_failures
        self._options = (canary_s, retries)

    def now(self) -> float:
        return self.world.loop.time()

    async def restart(self, service: str) -> None:
        self.restarted.append((self.now(), service))

    def run(self, script: Script, until: float) -> Orchestrator:
        """Runs ``script`` (a coroutine function of the orchestrator) beside it, until a moment."""
        canary_s, retries = self._options
        made: list[Orchestrator] = []

        async def main() -> None:
            config = OrchestrationConfig(7 * 3600, retries, 600, canary_s, RUNBOOKS)
            orchestrator = Orchestrator(
                config,
                services=self.services,  # type: ignore[arg-type]
                platform=self,
                clock=self.world.clock("orchestration"),
            )
            made.append(orchestrator)
            running = asyncio.ensure_future(orchestrator.run())
            await script(orchestrator)
            await asyncio.sleep(until - self.now())
            assert not running.done(), "the orchestrator died"
            running.cancel()

        self.world.run(main())
        return made[0]

    def paths(self, service: str) -> list[tuple[float, str]]:
        return [(at, path) for at, name, path, _ in self.calls if name == service]


def alert(name: str, component: str = "serving", **labels: str) -> dict[str, Any]:
    return {"labels": {"alertname": name, "component": component, **labels}}


def over(firing: dict[str, Any]) -> dict[str, Any]:
    """The same alert, resolved."""
    return {**firing, "endsAt": "1970-01-01T00:10:00Z"}
