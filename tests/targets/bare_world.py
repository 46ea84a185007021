"""A world with the target's hosts, of which only the store does anything, and a driver on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from redis.asyncio import Redis

from harness.sim import World
from harness.sim.store import StoreServer
from harness.targets.reference import layout
from harness.targets.reference.artifacts import Artifacts
from harness.targets.reference.crowd import CROWD, Crowd
from harness.targets.reference.driver import SimDriver, SimStore
from harness.targets.reference.libraries import Libraries
from harness.targets.reference.store_agent import StoreAgent
from harness.targets.reference.touches import Touches


class Lab:
    """`run` boots everything and gives a script the hands: ``driver``, ``redis``, ``world``."""

    def __init__(self, tmp_path: Path) -> None:
        self.world = World(epoch=0.0, seed=1)
        self.touches = Touches()
        self.store = StoreServer()
        for name in layout.HOSTS:
            self.world.add_host(name, self.store.start if name == layout.STORE else None)
        self.world.add_host("operator")
        self._folder = tmp_path

    def run(self, script: Callable[[Lab], Awaitable[None]]) -> None:
        async def main() -> None:
            for name in (*layout.HOSTS, "operator"):
                await self.world.start(name)
            self.redis = Redis(host=layout.STORE)
            agent = StoreAgent(self.redis, lambda hold_id, keys: self.touches.note(hold_id, "keys", keys))
            libraries = Libraries(self._folder, lambda overlay_id: self.touches.note(overlay_id, "loads"))
            self.driver = SimDriver(
                self.world,
                self.touches,
                libraries,
                {layout.STORE: SimStore(agent, self.store.forget)},
                "http://gateway:8001",
                Crowd(partial(self.world.spawn, CROWD), "http://serving:8000/predict", [], self.touches.note),
                Artifacts(self._folder / "registry", b"key"),
            )
            await script(self)

        self.world.run(main())
