"""The watchdog: a process of its own, in a session of its own, that reverts a run whose harness died or hangs.

It holds a lease on the run. The harness renews it over a pipe with each beat; the end of the pipe is the death of the
harness, whatever killed it, and is noticed at once. A harness that is silent for as long as the lease (stopped, or
stuck) is ended first, so that it can't go on breaking what is being mended.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.errors import TargetError
from harness.run_folder import RunFolder
from harness.safety.identity import ProcessIdentity
from harness.safety.rescue import rescue, stranded_arms
from harness.targets import load_target

__all__ = ["LEASE_S", "Watchdog"]

#: How long a harness may be silent, in seconds.
LEASE_S = 10.0
_BEAT, _DISMISS, _READY = b".", b"d", b"r"
_START_WITHIN_S = 60.0
_DIED, _SILENT, _DISMISSED = "died", "silent", "dismissed"


class Watchdog:
    """The harness's end: starts the process, beats, and dismisses it in the end. A context manager.

    What it did is in ``watchdog.log`` in the run's folder.
    """

    def __init__(self, run: Path, *, lease_s: float = LEASE_S) -> None:
        self._run = run.resolve()
        self._lease_s = lease_s
        self._process: subprocess.Popen[bytes] | None = None
        self._next_beat = 0.0

    def __enter__(self) -> Self:
        own = ProcessIdentity.own()
        command = [sys.executable, "-m", "harness.safety.watchdog", str(self._run), str(self._lease_s)]
        with (self._run / "watchdog.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, str(own.pid), str(own.ticks)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                bufsize=0,
            )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _START_WITHIN_S)
        if not ready or self._process.stdout.read(1) != _READY:
            self._process.kill()
            self._process.wait()
            raise TargetError(f"the watchdog did not start; without it nothing is broken. See {self._run}/watchdog.log")
        return self

    @property
    def pid(self) -> int:
        """The watchdog's process."""
        assert self._process is not None
        return self._process.pid

    def beat(self) -> None:
        """The harness is well. To be called much more often than the lease is long.

        Raises `TargetError` if the watchdog is gone: nothing may be broken any more.
        """
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + self._lease_s / 10
            self._tell(_BEAT)

    def _tell(self, word: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(word)
        except BrokenPipeError:
            raise TargetError(f"the watchdog died (see {self._run}/watchdog.log): the run ends") from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Dismissed: whatever happened, the harness itself still lives to clean up."""
        assert self._process is not None
        with suppress(TargetError):
            self._tell(_DISMISS)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait()


# -- the process


def watch(pipe: int, lease_s: float) -> str:
    """Waits until the harness dies, falls silent or dismisses; which of these."""
    while True:
        readable, _, _ = select.select([pipe], [], [], lease_s)
        if not readable:
            return _SILENT
        told = os.read(pipe, 4096)
        if not told:
            return _DIED
        if _DISMISS in told:
            return _DISMISSED


def _say(text: str) -> None:
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}", file=sys.stderr, flush=True)


def take_over(run: Path, harness: ProcessIdentity, why: str, say: Callable[[str], None]) -> bool:
    """Ends the harness if it still lives, and rescues its run; whether nothing is left."""
    say(f"the harness (pid {harness.pid}) {'died' if why == _DIED else 'is silent, and is ended'}")
    if not harness.end():
        say(f"pid {harness.pid} cannot be ended: it may go on breaking things")
        return False
    folder = RunFolder(run)
    target = load_target()
    with folder.locked(within_s=30) as alone:
        outcome = rescue(run, target, by="watchdog", say=say, alone=alone)
        target.clean_up()
    return not stranded_arms(run) and all(rescued.clean for rescued in outcome)


def main() -> int:
    """``python -m harness.safety.watchdog RUN LEASE_S PID START_TICKS``, its end of the pipe on standard input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("lease_s", type=float)
    parser.add_argument("pid", type=int)
    parser.add_argument("start_ticks", type=int)
    told = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # a shutdown ends the harness too; then this one's work begins
    load_target()  # while all is well: the disk may be full later
    sys.stdout.buffer.write(_READY)
    sys.stdout.flush()
    why = watch(sys.stdin.fileno(), told.lease_s)
    if why == _DISMISSED:
        return 0
    return 0 if take_over(told.run, ProcessIdentity(told.pid, told.start_ticks), why, _say) else 4


if __name__ == "__main__":
    sys.exit(main())
