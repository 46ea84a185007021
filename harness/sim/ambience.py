"""What a run changes in the whole process, and puts back: wall time, worker threads, the global RNG, the collector."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import time_machine

from chaos.rng import key64
from harness.sim.hosts import LIFE
from harness.sim.loop import SimLoop


@contextmanager
def virtual_ambience(loop: SimLoop, *, epoch: float, seed: int) -> Iterator[None]:
    """Wall time is ``epoch`` + the loop's time, nothing uses threads, and libraries' draws depend on ``seed``."""
    with ExitStack() as stack:
        stack.enter_context(_manual_collector())
        stack.enter_context(_seeded_random(seed))
        stack.enter_context(_inline_threads())
        stack.enter_context(_wall_time(loop, epoch))
        stack.enter_context(_idle_time(loop))
        yield


@contextmanager
def _wall_time(loop: SimLoop, epoch: float) -> Iterator[None]:
    """``time.time()``, ``datetime.now()`` and their kin follow the loop, and the clock of the host that asks."""
    epoch_ns = round(epoch * 1e9)
    traveller: Any

    def time_ns() -> int:
        life = LIFE.get()
        skew_s = 0.0 if life is None else life.host.skew_s
        return epoch_ns + round((loop.now + skew_s) * 1e9)

    with time_machine.travel(epoch, tick=False) as traveller:
        # Asked when somebody reads the clock, instead of told at each jump of the loop.
        traveller.time_ns = time_ns
        yield


@contextmanager
def _idle_time(loop: SimLoop) -> Iterator[None]:
    """aiohttp counts how long a pooled connection has been idle on the monotonic clock, which is the loop's here."""
    from aiohttp import connector

    pool: Any = connector
    original = pool.monotonic
    pool.monotonic = lambda: loop.now
    try:
        yield
    finally:
        pool.monotonic = original


@contextmanager
def _seeded_random(seed: int) -> Iterator[None]:
    """Libraries (redis-py's back-off) draw jitter from the global RNG: a run's draws are its own."""
    state = random.getstate()
    random.seed(key64(seed, "libraries"))
    try:
        yield
    finally:
        random.setstate(state)


@contextmanager
def _inline_threads() -> Iterator[None]:
    """anyio (so FastAPI's plain functions) runs worker threads around the loop's executor: run them inline."""
    from anyio._backends._asyncio import AsyncIOBackend

    backend: Any = AsyncIOBackend
    original = backend.__dict__["run_sync_in_worker_thread"]

    async def run_inline(cls: Any, func: Any, args: Any, abandon_on_cancel: bool = False, limiter: Any = None) -> Any:
        await cls.checkpoint()
        return func(*args)

    backend.run_sync_in_worker_thread = classmethod(run_inline)
    try:
        yield
    finally:
        backend.run_sync_in_worker_thread = original


@contextmanager
def _manual_collector() -> Iterator[None]:
    """Cycles must not be finalised at a moment that depends on what else the process did before.

    What exists already is frozen meanwhile, so that collecting a run's own garbage is cheap.
    """
    enabled, frozen = gc.isenabled(), gc.get_freeze_count() > 0
    gc.disable()
    if not frozen:
        gc.freeze()
    try:
        yield
    finally:
        if not frozen:
            gc.unfreeze()
        if enabled:
            gc.enable()
