"""What the simulator costs: CPU for each HTTP request, Redis pipeline and timer, on one core.

    python benchmarks/sim_requests.py [--repeats 5] [--json]

Each row is the median over the repeats of the process's own CPU time; the spread is (max - min) / median.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import aiohttp
import redis.asyncio as aioredis
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chaos.network.toxics import ToxicSpec
from harness.sim import World, http
from harness.sim.store import StoreServer

WARM_UP = 100
Step = Callable[[int], Awaitable[Any]]


async def _predict(request: Request) -> Response:
    return JSONResponse({"p": 0.31, "source": "model"})


def starlette_app() -> Starlette:
    return Starlette(routes=[Route("/predict", _predict, methods=["POST"])])


def fastapi_app() -> FastAPI:
    app = FastAPI()

    @app.post("/predict")
    async def predict(row: dict[str, Any]) -> dict[str, Any]:
        return {"p": 0.31, "source": "model"}

    return app


def measure(count: int, boot: Any, client: Callable[[Step], Awaitable[None]], *, slow_link: bool = False) -> float:
    """CPU seconds of one step of ``client``, which awaits the given function once a step."""
    world = World(epoch=1_357_000_000.0, seed=1)
    world.add_host("server", boot)
    world.add_host("client")
    marks: list[float] = []

    async def mark(step: int) -> None:
        if step in (WARM_UP, WARM_UP + count):
            marks.append(time.process_time())

    async def main() -> None:
        if slow_link:
            for stream in ("upstream", "downstream"):
                spec = ToxicSpec(stream, "latency", stream, attributes={"latency": 20, "jitter": 5})
                world.network.add_toxic("client->server", spec)
        await world.start("server")
        await world.start("client")
        await world.spawn("client", _as_coroutine(client(mark)))

    world.run(main())
    return (marks[1] - marks[0]) / count


async def _as_coroutine(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def http_requests(app: Any, count: int, *, slow_link: bool = False) -> float:
    async def client(mark: Step) -> None:
        async with aiohttp.ClientSession() as session:
            for step in range(WARM_UP + count + 1):
                await mark(step)
                async with session.post("http://server:8000/predict", json={"flight": 17}) as response:
                    await response.json()

    return measure(count, lambda: http.serve(app), client, slow_link=slow_link)


def pipelines(count: int, *, write: bool) -> float:
    row: Any = {f"feature_{number}": str(number * 1.5) for number in range(8)}

    async def client(mark: Step) -> None:
        async with aioredis.Redis(host="server", decode_responses=True) as store:
            for key in range(5):
                await store.hset(f"f:{key}", mapping=row)
            for step in range(WARM_UP + count + 1):
                await mark(step)
                async with store.pipeline(transaction=False) as pipe:
                    for key in range(5):
                        if write:
                            pipe.hset(f"f:{key}", mapping=row)
                            pipe.expire(f"f:{key}", 3600)
                        else:
                            pipe.hgetall(f"f:{key}")
                    await pipe.execute()

    return measure(count, StoreServer().start, client)


def sleeps(count: int) -> float:
    async def client(mark: Step) -> None:
        for step in range(WARM_UP + count + 1):
            await mark(step)
            await asyncio.sleep(1.0)

    return measure(count, None, client)


ROWS: dict[str, Callable[[], float]] = {
    "HTTP request, Starlette": lambda: http_requests(starlette_app(), 2000),
    "HTTP request, FastAPI": lambda: http_requests(fastapi_app(), 2000),
    "HTTP request, FastAPI, latency toxics": lambda: http_requests(fastapi_app(), 2000, slow_link=True),
    "Redis pipeline, 5 x HGETALL of 8": lambda: pipelines(1000, write=False),
    "Redis pipeline, 5 x (HSET of 8, EXPIRE)": lambda: pipelines(1000, write=True),
    "sleep of one task": lambda: sleeps(50_000),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = {}
    for name, run in ROWS.items():
        times = [run() * 1e6 for _ in range(options.repeats)]
        median = statistics.median(times)
        results[name] = {"us": round(median, 2), "spread": round((max(times) - min(times)) / median, 3)}
    if options.json:
        print(json.dumps(results, indent=2))
        return
    print(f"{'what':42} {'us CPU':>9} {'a second':>10} {'spread':>7}")
    for name, row in results.items():
        print(f"{name:42} {row['us']:9.2f} {1e6 / row['us']:10.0f} {row['spread']:7.0%}")


if __name__ == "__main__":
    main()
