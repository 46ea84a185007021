"""Runs trunks, each with its branches, or single arms, in several processes at once.

A *token* is the right to compute; there are as many as the user allows. A trunk holds one. A branch gets another if
there is one, and otherwise the trunk's, which then waits for any that becomes free.
"""

from __future__ import annotations

import atexit
import ctypes
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import forkserver
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from types import FrameType
from typing import Any

from harness.arms import run_arm, run_trunk
from harness.end_signals import end_signals
from harness.errors import HarnessError, UsageError
from harness.run_folder import RunFolder
from harness.targets import load_target
from harness.targets.base import Arm, Growth, Interrupt
from harness.temporary import new_folder, on_disk

__all__ = ["Done", "on_signals", "run_arms", "run_trunks"]

#: Numeric libraries must not start threads: they would make runs slow and, under load, different.
_SINGLE_THREADED = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_POLL_S = 0.2
_DIED = "its process died (killed, or out of memory)"
#: An address has at most 103 bytes (macOS; 107 on Linux); ``/pipequake-<pid>-<8>/listener-<8>`` takes up to 45 of them.
_LONGEST_TEMPORARY = 58


@dataclass(frozen=True, slots=True)
class Done:
    """An arm that ended: why, what went wrong if anything did, and what it cost (seconds; 0 for one that was kept).

    A branch costs what it took after it left its trunk.
    """

    arm_id: str
    reason: str
    error: str | None = None
    cpu_s: float = 0.0
    wall_s: float = 0.0


@dataclass(frozen=True, slots=True)
class _Job:
    """Something for a worker to do: its result is what went wrong with it, and ``wanted`` names the arms it ends."""

    work: Callable[..., str | None]
    arguments: tuple[Any, ...]
    wanted: Sequence[str]


def run_trunks(
    growths: Sequence[Growth],
    processes: int,
    on_done: Callable[[Done], None],
    interrupt: Interrupt,
    pulse: Callable[[], None],
) -> None:
    """Runs everything; ``on_done`` is called for each wanted arm as it ends. An interrupt stops what runs.

    ``pulse`` is called a few times a second meanwhile.
    """
    # What takes long begins early: nothing else would be left to do beside it.
    longest_first = sorted(growths, key=lambda growth: -growth.simulated_s)
    jobs = [_Job(_grow, (growth,), growth.wanted) for growth in longest_first]
    _run(jobs, processes, on_done, interrupt, pulse, preload=["harness.targets.reference.simulated"])


def run_arms(
    arms: Sequence[tuple[Arm, Path]],
    processes: int,
    on_done: Callable[[Done], None],
    interrupt: Interrupt,
    pulse: Callable[[], None],
) -> None:
    """Runs each arm from its start, in the order given, into its journal; otherwise as `run_trunks`."""
    jobs = [_Job(_play, (arm, journal), [arm.arm_id]) for arm, journal in arms]
    _run(jobs, processes, on_done, interrupt, pulse, preload=[])


def _run(
    jobs: Sequence[_Job],
    processes: int,
    on_done: Callable[[Done], None],
    interrupt: Interrupt,
    pulse: Callable[[], None],
    *,
    preload: list[str],
) -> None:
    if interrupt.requested:
        return
    os.environ.update(_SINGLE_THREADED)
    _claim_sockets()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(preload)
    with _deaf_to_hangups():
        forkserver.ensure_running()
    pids: SimpleQueue[int] = context.SimpleQueue()
    ended: SimpleQueue[Done] = context.SimpleQueue()
    tokens = context.BoundedSemaphore(processes)
    workers: list[int] = []
    open_arms = {arm_id for job in jobs for arm_id in job.wanted}

    def report(done: Done) -> None:
        if interrupt.requested and done.error == _DIED:
            return  # a signal to the whole group of processes ends them all: they were stopped, and did not fail
        if done.arm_id in open_arms:
            open_arms.discard(done.arm_id)
            on_done(done)

    with ProcessPoolExecutor(
        processes,
        mp_context=context,
        initializer=_begin,
        initargs=(pids, ended, tokens),
        # What a trunk took of memory, and its branches share, would be kept for the whole run: the next one gets a new
        # process. That costs next to nothing where everything is imported before.
        max_tasks_per_child=1 if preload else None,
    ) as pool:
        futures = {pool.submit(job.work, *job.arguments): job for job in jobs}

        def stop() -> None:
            for future in futures:
                future.cancel()
            while not pids.empty():
                workers.append(pids.get())
            for pid in workers:
                _signal(pid)

        with on_signals(interrupt.request):
            pending = set(futures)
            while pending or not ended.empty():
                pulse()
                if interrupt.requested:
                    stop()  # again and again: a trunk that has just begun may have missed the first signal
                done, pending = wait(pending, timeout=_POLL_S, return_when=FIRST_COMPLETED)
                while not ended.empty():
                    report(ended.get())
                for future in done:
                    for failure in _failures(future, futures[future]):
                        report(failure)


@cache
def _claim_sockets() -> None:
    """Gives multiprocessing's sockets a folder that `harness.temporary.clean_up` knows if this process is killed.

    Its own choice (``multiprocessing.util.get_temp_dir``) has a name that says nothing, and would stay for good.
    """
    if len(os.fsencode(on_disk())) > _LONGEST_TEMPORARY:
        raise UsageError(
            f"the folder for temporary files, {on_disk()}, has too long a path: addresses of sockets may have about "
            "a hundred bytes. Set TMPDIR to a shorter one, for example TMPDIR=/tmp."
        )
    own = new_folder(on_disk())
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    multiprocessing.current_process()._config.setdefault("tempdir", str(own))  # type: ignore[attr-defined]


@contextmanager
def _deaf_to_hangups() -> Iterator[None]:
    """What is started within it stays when the terminal closes, and is then ended by this process in good order."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _failures(future: Future[str | None], job: _Job) -> list[Done]:
    """What an interrupted or dead worker leaves without an end."""
    if future.cancelled():
        return []
    try:
        error = future.result()
    except BrokenProcessPool:
        error = _DIED
    return [] if error is None else [Done(arm_id, "error", error) for arm_id in job.wanted]


# -- in a worker


@dataclass(slots=True)
class _Worker:
    ended: SimpleQueue[Done]
    tokens: Semaphore


_worker: _Worker | None = None


def _begin(pids: SimpleQueue[int], ended: SimpleQueue[Done], tokens: Semaphore) -> None:
    """A worker's first act. Between trunks signals are its parent's business: it may hold the lock of a queue."""
    global _worker
    for number in end_signals():
        signal.signal(number, signal.SIG_IGN)
    _die_without_main()
    pids.put(os.getpid())
    _worker = _Worker(ended, tokens)


def _grow(growth: Growth) -> str | None:
    """One trunk with its branches; what went wrong with it."""
    assert _worker is not None
    brancher = _Brancher(_worker, _Meter())
    interrupt = Interrupt()

    def stop() -> None:
        interrupt.request()
        for pid in brancher.children:
            _signal(pid)

    run = RunFolder(next(iter(growth.journals.values())).parent.parent)
    with run.conducting(), on_signals(stop):
        with _worker.tokens:
            _leave_without_main()
            error = None
            try:
                reason = run_trunk(load_target(), growth, brancher.fork, interrupt)
            except Exception as failure:  # an arm that crashes is an event of the run, never its end
                reason, error = "error", f"{type(failure).__name__}: {failure}"
            if brancher.branch is not None:
                brancher.leave(Done(brancher.branch.arm_id, reason, error, *brancher.meter.read()))
        if error is None and growth.to_end:
            _worker.ended.put(Done(growth.control.arm_id, reason, None, *brancher.meter.read()))
        brancher.join()
        return error


class _Meter:
    """What this process has spent since it began to work on an arm."""

    def __init__(self) -> None:
        self._cpu_s, self._wall_s = time.process_time(), time.monotonic()

    def read(self) -> tuple[float, float]:
        """CPU and wall-clock seconds."""
        return time.process_time() - self._cpu_s, time.monotonic() - self._wall_s


def _play(arm: Arm, journal: Path) -> str | None:
    """One arm; what went wrong with it."""
    assert _worker is not None
    interrupt, meter = Interrupt(), _Meter()
    with RunFolder(journal.parent.parent).conducting(), _worker.tokens, on_signals(interrupt.request):
        _leave_without_main()
        try:
            reason = run_arm(load_target(), arm, journal, interrupt)
        except HarnessError as failure:
            return str(failure)
        except Exception as failure:  # an arm that crashes is an event of the run, never its end
            return f"{type(failure).__name__}: {failure}"
    _worker.ended.put(Done(arm.arm_id, reason, None, *meter.read()))
    return None


@dataclass(slots=True)
class _Brancher:
    """Forks branches off this process, as many at a time as there are tokens."""

    worker: _Worker
    meter: _Meter
    children: dict[int, Arm] = field(default_factory=dict)
    branch: Arm | None = None

    def fork(self, arm: Arm) -> bool:
        """True in the new process. The old one waits for a token if it had to give its own away."""
        self._reap(os.WNOHANG)
        another = self.worker.tokens.acquire(block=False)
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            self.branch, self.children, self.meter = arm, {}, _Meter()
            _die_with_parent()
            return True
        self.children[pid] = arm
        while not another:
            another = self.worker.tokens.acquire(timeout=_POLL_S)
            self._reap(os.WNOHANG)  # one that died gives its token back here
        return False

    def leave(self, done: Done) -> None:
        """Ends a branch's process: nothing of the trunk's clean-up is its business."""
        self.worker.ended.put(done)
        self.worker.tokens.release()
        os._exit(0)

    def join(self) -> None:
        """Waits for every branch."""
        self._reap(0)

    def _reap(self, options: int) -> None:
        for pid in list(self.children):
            ended, status = os.waitpid(pid, options)
            if ended == 0:
                continue
            arm = self.children.pop(pid)
            if status != 0:  # it did not come to `leave`
                self.worker.tokens.release()
                self.worker.ended.put(Done(arm.arm_id, "error", _DIED))


def _die_without_main() -> None:
    """A worker looks every second whether the process that it works for is still there."""

    def look(number: int, frame: FrameType | None) -> None:
        _leave_without_main()

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 1.0, 1.0)


def _leave_without_main() -> None:
    main = multiprocessing.parent_process()
    if main is None or not main.is_alive():
        os._exit(1)


def _die_with_parent() -> None:
    """A branch must not outlive a trunk that was killed (Linux; elsewhere it just ends a little later)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)


@contextmanager
def on_signals(act: Callable[[], None]) -> Iterator[None]:
    """Within it, the signals of `end_signals` call ``act`` instead of ending the process.

    Signals are the main thread's: in another one this does nothing, and who started it has to interrupt it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        act()

    before: dict[signal.Signals, Any] = {number: signal.signal(number, handle) for number in end_signals()}
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
