"""Ending a run early: the main coroutine reverts, and the process is left as it was."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from harness.sim import Interrupted, World

EPOCH = 1_357_000_000.0


@contextmanager
def handler(number: int, action: Any) -> Iterator[None]:
    before = signal.signal(number, action)
    try:
        yield
    finally:
        signal.signal(number, before)


def assert_nothing_is_left() -> None:
    assert time.time() > EPOCH + 1e8
    assert gc.isenabled()
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


class Run:
    """A main coroutine that applies something, is interrupted from within at t=10, and reverts in 3 s."""

    def __init__(self, interrupt: Any, *, revert_s: float = 3.0) -> None:
        self.world = World(epoch=EPOCH, seed=1)
        self.interrupt = interrupt
        self.revert_s = revert_s
        self.applied = False
        self.ended_at = 0.0

    async def main(self) -> str:
        self.world.loop.call_later(10, self.interrupt)
        self.applied = True
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(self.revert_s)
            self.applied = False
            self.ended_at = self.world.loop.now
        return "horizon"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_handler_may_interrupt(number: int) -> None:
    run = Run(lambda: os.kill(os.getpid(), number))
    name = signal.Signals(number).name
    with handler(number, lambda *_: run.world.interrupt(name)), pytest.raises(Interrupted, match=name):
        run.world.run(run.main())
    assert not run.applied
    assert run.ended_at == 13.0
    assert_nothing_is_left()


def test_ctrl_c_without_a_handler_reverts_too() -> None:
    run = Run(lambda: os.kill(os.getpid(), signal.SIGINT))
    with handler(signal.SIGINT, signal.default_int_handler), pytest.raises(KeyboardInterrupt):
        run.world.run(run.main())
    assert not run.applied
    assert_nothing_is_left()


def test_a_second_interrupt_ends_the_run_at_once() -> None:
    def twice() -> None:
        run.world.interrupt("first")
        run.world.loop.call_later(1, run.world.interrupt, "second")

    run = Run(twice, revert_s=100.0)
    with pytest.raises(Interrupted, match=r"second \(at once"):
        run.world.run(run.main())
    assert run.world.loop.now == 11.0
    assert_nothing_is_left()


def test_main_may_answer_an_interrupt_with_a_result() -> None:
    world = World(epoch=EPOCH, seed=1)

    async def main() -> str:
        world.loop.call_later(10, world.interrupt, "SIGTERM")
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return f"interrupted: {world.interrupted}"
        return "horizon"

    assert world.run(main()) == "interrupted: SIGTERM"


def test_an_interrupt_before_the_run_still_gives_main_its_say() -> None:
    world = World(epoch=EPOCH, seed=1)
    world.interrupt("SIGTERM")
    with pytest.raises(Interrupted, match="SIGTERM"):
        world.run(asyncio.sleep(1))
    world.interrupt("too late")
    assert_nothing_is_left()


def test_an_interrupt_while_a_paused_hosts_code_runs_is_not_deferred_with_it() -> None:
    world = World(epoch=EPOCH, seed=1)
    world.add_host("serving")

    async def interrupt_after_pausing() -> None:
        world.pause("serving")
        world.interrupt("SIGINT")

    async def main() -> None:
        await world.start("serving")
        world.spawn("serving", interrupt_after_pausing())
        await asyncio.sleep(60)

    with pytest.raises(Interrupted):
        world.run(main())
    assert world.loop.now == 0.0


def test_what_main_raises_is_raised_and_nothing_is_left() -> None:
    async def main() -> None:
        raise LookupError("boom")

    with pytest.raises(LookupError, match="boom"):
        World(epoch=EPOCH, seed=1).run(main())
    assert_nothing_is_left()
