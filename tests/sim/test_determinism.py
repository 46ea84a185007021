"""The same seed gives the same bytes, in any process; a fault shifts no draw of what it does not touch."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from chaos.network.toxics import ToxicSpec

from .lab import Lab
from .small_world import SmallWorld

ROOT = Path(__file__).parents[2]


def digest_in_another_process(seed: int, hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-m", "tests.sim.small_world", str(seed)]
    return subprocess.run(
        command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120
    ).stdout


def test_a_world_under_random_faults_is_the_same_to_the_byte_in_any_process() -> None:
    digests = [digest_in_another_process(3, hash_seed) for hash_seed in ("0", "1", "4242")]
    assert len(set(digests)) == 1
    assert digests[0] != digest_in_another_process(4, "0")


def test_runs_in_one_process_do_not_know_of_each_other() -> None:
    first = SmallWorld(3).run()
    assert SmallWorld(3).run() == first
    events = [json.loads(line)["event"] for line in first.splitlines()]
    assert {"answer", "ask.failed", "features.failed", "kill", "pause", "touched"} <= set(events)


def test_a_fault_on_one_link_leaves_the_draws_of_another_alone() -> None:
    def arrivals(*, faulted: bool) -> list[float]:
        lab = Lab()
        lab.world.add_host("bystander")
        times: list[float] = []

        class Sink(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                times.append(lab.now)

        async def boot() -> None:
            await asyncio.get_running_loop().create_server(Sink, port=7000)

        async def extra() -> None:
            for _ in range(3):
                await asyncio.get_running_loop().create_connection(asyncio.Protocol, "bystander", 7000)

        async def client() -> None:
            await lab.world.start("bystander")
            await lab.world.spawn("bystander", boot())
            if faulted:
                await extra()
            await asyncio.sleep(1 - lab.now)
            spec = ToxicSpec("j", "latency", "upstream", 0.7, {"latency": 100, "jitter": 90})
            lab.world.network.add_toxic("client->server", spec)
            for _ in range(10):
                transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, "server", 7000)
                transport.write(b"x")
                await asyncio.sleep(1)

        lab.boot = boot
        lab.run(client())
        return times

    assert arrivals(faulted=False) == arrivals(faulted=True)
