"""Virtual time: exact, in order, never stuck without saying why."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
import random
import threading
import time

import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.sim import VirtualDeadlock, VirtualLivelock, World

EPOCH = 1_357_000_000.0


def world() -> World:
    return World(epoch=EPOCH, seed=1)


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.0, 7.0]), max_size=30))
def test_timers_run_in_order_of_time_and_first_in_first_out_for_equal_times(delays: list[float]) -> None:
    w = world()
    seen: list[tuple[float, int]] = []

    async def main() -> None:
        for number, delay in enumerate(delays):
            w.loop.call_later(delay, lambda n=number: seen.append((w.loop.now, n)))
        await asyncio.sleep(10)

    w.run(main())
    assert seen == sorted((delay, number) for number, delay in enumerate(delays))


def test_a_day_of_sleeps_is_exact_and_takes_no_time() -> None:
    w = world()

    async def main() -> float:
        for _ in range(24):
            await asyncio.sleep(3600)
        return w.loop.time()

    started = time.perf_counter()
    assert w.run(main()) == 86_400.0
    assert time.perf_counter() - started < 5


def test_a_due_timer_is_not_starved_by_ready_callbacks() -> None:
    w = world()

    async def main() -> int:
        done = asyncio.Event()
        w.loop.call_later(0, done.set)
        rounds = 0
        while not done.is_set():
            rounds += 1
            await asyncio.sleep(0)
        return rounds

    assert w.run(main()) < 5


def test_cancelled_timers_are_swept() -> None:
    w = world()

    async def main() -> None:
        for _ in range(5000):
            w.loop.call_later(1000, print).cancel()
        assert len(w.loop._heap) < 1200
        async with asyncio.timeout(5):
            await asyncio.sleep(1)

    w.run(main())
    assert w.loop.now == 1.0


def test_deadlock_names_the_waiting_tasks_and_the_hosts_that_do_not_run() -> None:
    w = world()
    for name in ("serving", "store", "ingestion"):
        w.add_host(name)

    async def wait_for_rows() -> None:
        await asyncio.Event().wait()

    async def never_reported() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        for name in ("serving", "store", "ingestion"):
            await w.start(name)
        w.spawn("serving", wait_for_rows())
        w.spawn("ingestion", never_reported())
        await asyncio.sleep(90)
        w.pause("store")
        w.kill("ingestion")
        await asyncio.Event().wait()

    with pytest.raises(VirtualDeadlock) as caught:
        w.run(main())
    text = str(caught.value)
    assert text.startswith("virtual deadlock at t=90.000 s: no callback is ready and no timer is set")
    assert "task serving:" in text
    assert "wait_for_rows waits in Event.wait (locks.py:" in text
    assert "host store is paused" in text
    assert "host ingestion is down" in text
    assert "never_reported" not in text


def test_sleeping_for_ever_is_a_deadlock_not_a_jump_to_infinity() -> None:
    w = world()
    with pytest.raises(VirtualDeadlock, match=r"at t=0\.000 s"):
        w.run(asyncio.sleep(math.inf))


def test_spinning_without_a_timer_is_reported() -> None:
    w = world()
    w.loop.spin_limit = 1000

    async def spin() -> None:
        while w.loop.now < 1:
            await asyncio.sleep(0)

    with pytest.raises(VirtualLivelock, match="1000 rounds of callbacks and time stands still"):
        w.run(spin())


def test_the_main_coroutine_may_revert_after_a_deadlock() -> None:
    w = world()
    reverted_at: list[float] = []

    async def main() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(5)
            reverted_at.append(w.loop.now)

    with pytest.raises(VirtualDeadlock):
        w.run(main())
    assert reverted_at == [5.0]


def test_executors_and_worker_threads_run_inline() -> None:
    w = world()

    async def main() -> list[int]:
        return [
            await w.loop.run_in_executor(None, threading.get_ident),
            await asyncio.to_thread(threading.get_ident),
            await anyio.to_thread.run_sync(threading.get_ident),
        ]

    assert set(w.run(main())) == {threading.get_ident()}


def test_an_executor_hands_on_exceptions() -> None:
    async def main() -> None:
        await asyncio.to_thread(int, "x")

    with pytest.raises(ValueError, match="invalid literal"):
        world().run(main())


def test_wall_clock_reads_follow_virtual_time_and_are_put_back() -> None:
    w = world()

    async def main() -> tuple[float, dt.datetime]:
        await asyncio.sleep(0.5)
        return time.time(), dt.datetime.now(dt.UTC)

    at, when = w.run(main())
    assert at == EPOCH + 0.5
    assert when == dt.datetime.fromtimestamp(EPOCH + 0.5, dt.UTC)
    assert time.time() > EPOCH + 1e8


def test_draws_of_libraries_are_the_runs_own_and_the_global_rng_is_put_back() -> None:
    async def main() -> float:
        return random.random()

    random.seed(5)
    expected = random.random()
    random.seed(5)
    first, second = world().run(main()), world().run(main())
    assert first == second
    assert random.random() == expected


def test_uncaught_errors_are_kept_with_time_and_host() -> None:
    w = world()
    w.add_host("serving")

    async def main() -> None:
        await w.start("serving")
        await w.spawn("serving", fail_later())
        await asyncio.sleep(5)

    async def fail_later() -> None:
        w.loop.call_later(2, lambda: 1 / 0)

    w.run(main())
    (error,) = w.loop.errors
    assert (error.t, error.host) == (2.0, "serving")
    assert isinstance(error.exception, ZeroDivisionError)


def test_a_world_runs_once_and_not_inside_another_loop() -> None:
    w = world()
    w.run(asyncio.sleep(1))
    with pytest.raises(RuntimeError, match="it has run already"):
        w.run(asyncio.sleep(1))

    async def nested() -> None:
        with pytest.raises(RuntimeError, match="another event loop is running"):
            world().run(asyncio.sleep(1))

    asyncio.run(nested())


def test_tasks_are_named_by_host_and_coroutine() -> None:
    w = world()
    w.add_host("serving")

    async def work() -> str:
        task = asyncio.current_task()
        assert task is not None
        return task.get_name()

    async def main() -> str:
        await w.start("serving")
        return await w.spawn("serving", work())

    assert w.run(main()).startswith("serving:")
