"""Runs arms, in this process or in several; each arm is a process's only work while it lasts."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from types import FrameType
from typing import Any

from harness.targets import load_target
from harness.targets.base import Arm, Interrupt

__all__ = ["Done", "run_arms"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Numeric libraries must not start threads: they would make runs slow and, under load, different.
_SINGLE_THREADED = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Done:
    """An arm that ended: why, and what went wrong if anything did."""

    arm: Arm
    reason: str
    error: str | None = None


Job = tuple[Arm, Path]


def run_arms(jobs: Sequence[Job], processes: int, on_done: Callable[[Done], None], interrupt: Interrupt) -> None:
    """Runs each (arm, journal); ``on_done`` is called as they end. An interrupt stops what runs and starts no more."""
    os.environ.update(_SINGLE_THREADED)
    if processes == 1 or len(jobs) == 1:
        for arm, journal in jobs:
            if interrupt.requested:
                return
            with on_signals(interrupt.request):
                on_done(_run(arm, journal, interrupt))
        return
    _run_in_processes(jobs, processes, on_done, interrupt)


def _run_in_processes(
    jobs: Sequence[Job], processes: int, on_done: Callable[[Done], None], interrupt: Interrupt
) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["harness.targets.reference.simulated"])
    pids: SimpleQueue[int] = context.SimpleQueue()
    workers: list[int] = []
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=(pids,)) as pool:
        futures: dict[Future[Done], Arm] = {pool.submit(_work, arm, journal): arm for arm, journal in jobs}

        def stop() -> None:
            interrupt.request()
            for future in futures:
                future.cancel()
            while not pids.empty():
                workers.append(pids.get())
            for pid in workers:
                _signal(pid)

        with on_signals(stop):
            pending = set(futures)
            while pending:
                done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in sorted(done, key=lambda f: futures[f].arm_id):
                    if not future.cancelled():
                        on_done(_result(future, futures[future]))


def _result(future: Future[Done], arm: Arm) -> Done:
    try:
        return future.result()
    except BrokenProcessPool:
        return Done(arm, "error", "its process died (killed, or out of memory)")


def _begin(pids: SimpleQueue[int]) -> None:
    """A worker's first act: between arms, signals only end it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pids.put(os.getpid())


def _work(arm: Arm, journal: Path) -> Done:
    interrupt = Interrupt()
    with on_signals(interrupt.request):
        return _run(arm, journal, interrupt)


def _run(arm: Arm, journal: Path, interrupt: Interrupt) -> Done:
    try:
        return Done(arm, load_target().run_arm(arm, journal, interrupt))
    except Exception as error:  # an arm that crashes is an event of the run, never its end
        return Done(arm, "error", f"{type(error).__name__}: {error}")


@contextmanager
def on_signals(act: Callable[[], None]) -> Iterator[None]:
    """Within it, SIGINT and SIGTERM call ``act`` instead of ending the process."""

    def handle(number: int, frame: FrameType | None) -> None:
        act()

    before: dict[signal.Signals, Any] = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _signal(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
