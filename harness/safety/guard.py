"""What stands around every run: the stop file; and around runs on real processes the lock and the watchdog as well."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from harness.errors import DirtyTarget, TargetError
from harness.run_folder import RunFolder, recovering
from harness.safety.rescue import rescue
from harness.safety.stop_file import StopFile
from harness.safety.target_lock import TargetLock
from harness.safety.watchdog import Watchdog
from harness.targets.base import Interrupt, Target

__all__ = ["Pulse", "guarded_live_run"]

_LOOK_S = 1.0
#: How long a watchdog that is at work on the run before may take, in seconds.
_WATCHDOG_S = 30.0

Say = Callable[[str], None]


class Pulse:
    """To be called several times a second while arms run: looks at the stop file, and tells the watchdog.

    ``stopped`` says why the run was asked to end, if it was. ``take_back`` is to be called when no arm runs any more,
    while their journals are still there: it reverts and ends what an arm that died has left.
    """

    def __init__(
        self,
        stop_file: StopFile,
        interrupt: Interrupt,
        watchdog: Watchdog | None = None,
        take_back: Callable[[], None] = lambda: None,
    ) -> None:
        self.take_back = take_back
        self._stop_file = stop_file
        self._interrupt = interrupt
        self._watchdog = watchdog
        self._next_look = 0.0
        self.stopped: str | None = None

    def __call__(self) -> None:
        if self._watchdog is not None:
            try:
                self._watchdog.beat()
            except TargetError as error:
                self._stop(str(error))
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_S
            if self._stop_file.present():
                self._stop(f"{self._stop_file.path} appeared")

    def _stop(self, why: str) -> None:
        if self.stopped is None:
            self.stopped = why
            self._interrupt.request()


@contextmanager
def guarded_live_run(
    target: Target, backend: str, folder: RunFolder, stop_file: StopFile, interrupt: Interrupt, say: Say
) -> Iterator[Pulse]:
    """For arms on real processes: one run at a time, what the last one left is taken back first, and a watchdog.

    Whatever an arm could not take back itself is taken back at the end, also after a failure. Raises `DirtyTarget` if
    something stays, now or from before.
    """

    def take_back() -> None:
        rescue(folder.path, target, by="harness", say=say)

    lock = TargetLock(target.cache_folder() / "locks" / f"{target.name}-{backend}.lock", folder.path)
    with lock:
        if lock.left_behind is not None and lock.left_behind.is_dir():
            _clean_up_after(RunFolder(lock.left_behind), folder, target, say)
        with Watchdog(folder.path) as watchdog:
            try:
                yield Pulse(stop_file, interrupt, watchdog, take_back)
            finally:
                outcome = rescue(folder.path, target, by="harness", say=say)
        if left := [problem for rescued in outcome for problem in rescued.left]:
            lock.leave_dirty()
            raise DirtyTarget(_dirty(folder, left))


def _clean_up_after(run: RunFolder, ours: RunFolder, target: Target, say: Say) -> None:
    """Pre-clean: no experiment on a target that an earlier one left broken. A run that is resumed is locked already."""
    resumed = run.path.resolve() == ours.path.resolve()
    with nullcontext(True) if resumed else run.locked(within_s=_WATCHDOG_S) as alone:
        outcome = rescue(run.path, target, by="next run", say=say, alone=alone)
    left = [problem for rescued in outcome for problem in rescued.left]
    if left:
        raise DirtyTarget(_dirty(run, left))


def _dirty(run: RunFolder, left: list[str]) -> str:
    listed = "\n".join(f"  {problem}" for problem in left)
    return (
        f"the run {run.path} left this behind, and it could not be taken back:\n{listed}\n"
        f"Mend it by hand, then `{recovering(run.path.parent)}`."
    )
