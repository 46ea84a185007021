"""One child process: started in a session of its own, watched without a thread, and never outliving its parent."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from harness.safety.identity import ProcessIdentity

__all__ = ["Child", "dies_with"]

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.02


class Child:
    """A running process. ``exited`` is done, with its exit code, once it has ended and is reaped."""

    def __init__(self, argv: Sequence[str], *, environment: Mapping[str, str], log: Path, folder: Path) -> None:
        """Starts it; what it prints is appended to ``log``. Raises ``OSError`` if that can't be done."""
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment,
                start_new_session=True,  # a terminal's Ctrl-C is its parent's business
                preexec_fn=dies_with(os.getpid()),  # noqa: PLW1509 - two system calls, looked up before
            )
        self.pid = self._process.pid
        self.identity = ProcessIdentity.of(self.pid)
        self._loop = asyncio.get_running_loop()
        self.exited: asyncio.Future[int] = self._loop.create_future()
        self._watch()

    @property
    def running(self) -> bool:
        """Whether it is there, stopped or not."""
        return not self.exited.done()

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the process and all that it has started."""
        if self.running:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    async def kill(self) -> int:
        """SIGKILL; returns its exit code when it is gone."""
        self.signal(signal.SIGKILL)
        return await asyncio.shield(self.exited)

    async def end(self, within_s: float) -> int:
        """SIGTERM, and SIGKILL for one that doesn't listen in time; its exit code."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        await asyncio.wait({self.exited}, timeout=within_s)
        return await self.kill()

    async def stop(self) -> bool:
        """SIGSTOP; whether the kernel says that it stands still."""
        self.signal(signal.SIGSTOP)
        for _ in range(100):
            if _state(self.pid) in ("T", ""):
                break
            await asyncio.sleep(0.01)
        return self.stopped

    @property
    def stopped(self) -> bool:
        """Whether the kernel says that it stands still."""
        return _state(self.pid) == "T"

    def _watch(self) -> None:
        """Has `_reap` called at its end: by its descriptor where there is such a thing, else by looking."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            self._loop.call_later(_POLL_S, self._look)
            return

        def over() -> None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
            self._reap()

        self._loop.add_reader(descriptor, over)

    def _look(self) -> None:
        if self._process.poll() is None:
            self._loop.call_later(_POLL_S, self._look)
        else:
            self._reap()

    def _reap(self) -> None:
        code = self._process.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # what it started and left
        if not self.exited.done():
            self.exited.set_result(code)


def dies_with(parent: int) -> Callable[[], None] | None:
    """What a new process does first, so that it is killed when its parent dies, however that dies (Linux)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before this could be said
            os._exit(1)

    return bind


def _state(pid: int) -> str:
    """The kernel's letter for what a process does; empty if there is none, or no way to know."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
