"""A small world under random faults, printed event by event: what `test_determinism` runs in several processes."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from typing import Any

import aiohttp
import redis.asyncio as aioredis
from fastapi import FastAPI
from redis.exceptions import RedisError

from chaos.network.toxics import ToxicSpec
from chaos.rng import key64, uniform
from harness.sim import World, http
from harness.sim.store import StoreServer

HOSTS = ("features", "serving", "front")
TOXICS: dict[str, dict[str, float]] = {
    "latency": {"latency": 300, "jitter": 250},
    "bandwidth": {"rate": 2},
    "timeout": {"timeout": 0},
    "reset_peer": {"timeout": 100},
    "slicer": {"average_size": 40, "size_variation": 30, "delay": 900},
    "limit_data": {"bytes": 2000},
}


class SmallWorld:
    """front -> serving -> store, and features -> store; a monkey breaks them at random for ten minutes."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.world = World(epoch=1_357_000_000.0, seed=seed)
        self.lines: list[str] = []
        store = StoreServer()
        self.world.add_host("store", store.start)
        self.world.add_host("features", self.features)
        self.world.add_host("serving", self.serving)
        self.world.add_host("front", self.front)
        self.world.network.on_touched = lambda link, name: self.log("touched", link=link.name, toxic=name)

    def log(self, event: str, **fields: Any) -> None:
        self.lines.append(json.dumps({"t": self.world.loop.now, "event": event, **fields}, sort_keys=True))

    def client(self) -> aioredis.Redis:
        return aioredis.Redis(host="store", decode_responses=True, socket_timeout=2, socket_connect_timeout=2)

    async def features(self) -> None:
        asyncio.get_running_loop().create_task(self.write_features())

    async def write_features(self) -> None:
        store = self.client()
        for tick in range(10_000):
            try:
                async with store.pipeline(transaction=tick % 3 == 0) as pipe:
                    for airport in ("EWR", "JFK", "LGA"):
                        value = uniform(self.seed, "feature", airport, tick)
                        pipe.hset(f"f:{airport}", mapping={"delay": value, "tick": tick})
                        pipe.expire(f"f:{airport}", 45)
                        pipe.sadd("airports", airport)
                    await pipe.execute()
            except (RedisError, OSError) as error:
                self.log("features.failed", error=type(error).__name__)
            await asyncio.sleep(5)

    async def serving(self) -> None:
        app, store = FastAPI(), self.client()

        @app.get("/predict/{airport}")
        async def predict(airport: str) -> dict[str, Any]:
            try:
                row = await store.hgetall(f"f:{airport}")
                airports = await store.smembers("airports")
            except (RedisError, OSError) as error:
                return {"source": "prior", "error": type(error).__name__}
            return {"source": "model" if row else "prior", "row": row, "airports": sorted(airports)}

        await http.serve(app)

    async def front(self) -> None:
        asyncio.get_running_loop().create_task(self.ask())

    async def ask(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
            for number in range(10_000):
                airport = ("EWR", "JFK", "LGA")[key64(self.seed, "airport", number) % 3]
                try:
                    async with session.get(f"http://serving:8000/predict/{airport}") as response:
                        self.log("answer", status=response.status, body=await response.json())
                except (aiohttp.ClientError, TimeoutError) as error:
                    self.log("ask.failed", error=type(error).__name__, text=str(error))
                await asyncio.sleep(1.7)

    async def monkey(self) -> None:
        world = self.world
        for name in ("store", *HOSTS):
            await world.start(name)
        for tick in range(40):
            draw = [uniform(self.seed, "monkey", tick, number) for number in range(4)]
            victim = ("store", "serving", "features")[int(draw[0] * 3)]
            kind = sorted(TOXICS)[int(draw[1] * len(TOXICS))]
            stream = ("upstream", "downstream")[int(draw[2] * 2)]
            spec = ToxicSpec(f"m{tick}", kind, stream, 0.8, TOXICS[kind])
            self.log("toxic", victim=victim, type=kind, stream=stream)
            world.network.add_toxic(f"*->{victim}", spec)
            await asyncio.sleep(4)
            if draw[3] < 0.3:
                self.log("kill", victim=victim)
                world.kill(victim)
            elif draw[3] < 0.5:
                self.log("pause", victim=victim)
                world.pause(victim)
            elif draw[3] < 0.6:
                self.log("cut", victim=victim)
                world.network.cut(f"*->{victim}")
            await asyncio.sleep(6)
            world.network.mend(f"*->{victim}")
            world.network.remove_toxic(f"*->{victim}", spec.name)
            world.resume(victim)
            await world.start(victim)
            await asyncio.sleep(5)

    def run(self) -> str:
        self.world.run(self.monkey())
        for error in self.world.loop.errors:
            self.log("error", host=error.host, at=error.t, text=f"{error.message} {error.exception!r}")
        return "\n".join(self.lines)


if __name__ == "__main__":
    log = SmallWorld(int(sys.argv[1])).run()
    print(log if "--log" in sys.argv else hashlib.sha256(log.encode()).hexdigest(), log.count("\n") + 1)
