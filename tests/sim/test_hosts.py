"""Kill, pause, restart and skew."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

import pytest

from harness.sim import HostDown, World

EPOCH = 1_357_000_000.0


@pytest.fixture
def world() -> World:
    w = World(epoch=EPOCH, seed=1)
    w.add_host("serving")
    return w


def test_sigkill_runs_no_finally_and_stops_timers(world: World) -> None:
    seen: list[Any] = []

    async def service() -> None:
        asyncio.get_running_loop().call_later(8, seen.append, "timer of the dead")
        try:
            while True:
                seen.append(world.loop.now)
                await asyncio.sleep(2)
        finally:
            seen.append("finally")

    async def main() -> None:
        await world.start("serving")
        world.spawn("serving", service())
        await asyncio.sleep(5)
        world.kill("serving")
        world.kill("serving")
        gc.collect()
        await asyncio.sleep(20)
        assert seen == [0.0, 2.0, 4.0]
        assert world.network.hosts["serving"].state == "down"

    world.run(main())


def test_a_task_that_awaits_the_dead_hears_nothing(world: World) -> None:
    async def forever() -> None:
        await asyncio.sleep(100)

    async def main() -> None:
        await world.start("serving")
        task = world.spawn("serving", forever())
        world.kill("serving")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(task), 500)

    world.run(main())
    assert world.loop.now == 500.0


def test_restart_boots_again_in_a_new_life() -> None:
    w = World(epoch=EPOCH, seed=1)
    boots: list[float] = []

    async def boot() -> None:
        await asyncio.sleep(1)
        boots.append(w.loop.now)

    w.add_host("serving", boot)

    async def main() -> None:
        await w.start("serving")
        await w.start("serving")
        w.kill("serving")
        await asyncio.sleep(10)
        await w.start("serving")

    w.run(main())
    assert boots == [1.0, 12.0]


def test_start_returns_when_the_host_dies_while_booting_and_raises_what_boot_raises() -> None:
    w = World(epoch=EPOCH, seed=1)

    async def boot() -> None:
        await asyncio.sleep(60)

    async def broken() -> None:
        raise ImportError("No module named 'left_pad'")

    w.add_host("slow", boot)
    w.add_host("broken", broken)

    async def main() -> float:
        w.loop.call_later(5, w.kill, "slow")
        await w.start("slow")
        with pytest.raises(ImportError, match="left_pad"):
            await w.start("broken")
        return w.loop.now

    assert w.run(main()) == 5.0


def test_pause_defers_everything_and_resume_runs_it_in_order(world: World) -> None:
    seen: list[tuple[float, int]] = []

    async def service() -> None:
        loop = asyncio.get_running_loop()
        for number in range(5):
            loop.call_at(number + 1, lambda n=number: seen.append((loop.time(), n)))

    async def main() -> None:
        await world.start("serving")
        await world.spawn("serving", service())
        await asyncio.sleep(2.5)
        world.pause("serving")
        assert world.network.hosts["serving"].state == "paused"
        await asyncio.sleep(10)
        world.resume("serving")
        world.resume("serving")
        await asyncio.sleep(1)

    world.run(main())
    assert seen == [(1.0, 0), (2.0, 1), (12.5, 2), (12.5, 3), (12.5, 4)]


def test_a_paused_host_can_be_killed(world: World) -> None:
    seen: list[float] = []

    async def service() -> None:
        await asyncio.sleep(1)
        seen.append(world.loop.now)

    async def main() -> None:
        await world.start("serving")
        world.spawn("serving", service())
        world.pause("serving")
        await asyncio.sleep(5)
        world.kill("serving")
        world.resume("serving")
        await asyncio.sleep(5)

    world.run(main())
    assert seen == []


def test_clocks_are_skewed_host_by_host(world: World) -> None:
    world.add_host("store")

    async def main() -> None:
        await asyncio.sleep(100)
        world.network.hosts["serving"].skew_s = -7200.0
        assert world.clock("serving").now() == EPOCH + 100 - 7200
        assert world.clock("store").now() == EPOCH + 100
        assert time.time() == EPOCH + 100
        await world.start("serving")
        assert await world.spawn("serving", wall_time()) == EPOCH + 100 - 7200

    async def wall_time() -> float:
        return time.time()

    world.run(main())


def test_sys_exit_ends_the_process_not_the_world(world: World) -> None:
    async def service() -> None:
        await asyncio.sleep(3)
        raise SystemExit(1)

    async def main() -> str:
        await world.start("serving")
        world.spawn("serving", service())
        await asyncio.sleep(5)
        return world.network.hosts["serving"].state

    assert world.run(main()) == "down"


def test_errors_name_the_hosts(world: World) -> None:
    with pytest.raises(ValueError, match="unknown host 'srving'; hosts: serving"):
        world.kill("srving")
    with pytest.raises(HostDown, match=r"'serving' is down: await World\.start"):
        world.spawn("serving", asyncio.sleep(1))
    with pytest.raises(ValueError, match="already"):
        world.add_host("serving")


def test_what_the_dead_finalise_after_the_end_reaches_nobody(world: World) -> None:
    world.add_host("store")
    received: list[bytes] = []

    class Sink(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            received.append(data)

    async def listen() -> None:
        await asyncio.get_running_loop().create_server(Sink, port=6379)

    async def service() -> None:
        transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, "store", 6379)
        try:
            transport.write(b"alive")
            await asyncio.sleep(1000)
        finally:
            transport.write(b"dead")

    async def main() -> None:
        await world.start("store")
        await world.start("serving")
        await world.spawn("store", listen())
        world.spawn("serving", service())
        await asyncio.sleep(1)
        world.kill("serving")
        await asyncio.sleep(1)

    world.run(main())
    gc.collect()
    assert received == [b"alive"]
