"""A world for each test, with the hosts ``server`` and ``client``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from harness.sim import World

EPOCH = 1_357_000_000.0


class Lab:
    """Two hosts and short words for what every test does."""

    def __init__(self, seed: int = 1) -> None:
        self.world = World(epoch=EPOCH, seed=seed)
        self.boot: Callable[[], Coroutine[Any, Any, None]] | None = None
        self.world.add_host("server", self._boot)
        self.world.add_host("client")

    async def _boot(self) -> None:
        if self.boot is not None:
            await self.boot()

    @property
    def now(self) -> float:
        return self.world.loop.now

    @property
    def latency_s(self) -> float:
        """One way, client to server."""
        return self.world.network.link("client", "server").latency_s

    def run(self, client: Coroutine[Any, Any, Any]) -> Any:
        """Starts both hosts and runs a coroutine on the client's; its result."""

        async def main() -> Any:
            await self.world.start("server")
            await self.world.start("client")
            return await self.world.spawn("client", client)

        return self.world.run(main())
