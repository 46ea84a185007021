"""Processes by pid *and* start time: a pid alone may have been given to somebody else meanwhile."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

__all__ = ["ProcessIdentity", "start_ticks"]


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since boot (from ``/proc``); None if there is none, or only a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process, for good. ``ticks`` is its start in clock ticks since boot.

    >>> own = ProcessIdentity.own()
    >>> own.alive(), ProcessIdentity(own.pid, own.ticks - 1).alive()
    (True, False)
    """

    pid: int
    ticks: int

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The process that has this pid now."""
        ticks = start_ticks(pid)
        return None if ticks is None else cls(pid, ticks)

    @classmethod
    def own(cls) -> Self:
        """This process."""
        found = cls.of(os.getpid())
        if found is None:
            raise OSError("this system has no /proc: processes cannot be told apart from later ones of the same pid")
        return found

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        """Reads `to_json`'s form; raises ``ValueError`` for anything else."""
        try:
            return cls(int(raw["pid"]), int(raw["start_ticks"]))
        except (TypeError, KeyError) as error:
            raise ValueError(f"expected pid and start_ticks of a process, got {raw!r:.80}") from error

    def to_json(self) -> dict[str, int]:
        """Plain data."""
        return {"pid": self.pid, "start_ticks": self.ticks}

    def alive(self) -> bool:
        """Whether it still runs (stopped counts, a zombie doesn't)."""
        return start_ticks(self.pid) == self.ticks

    def end(self, within_s: float = 5.0) -> bool:
        """Kills it if it is still the same process; whether it is gone within that time."""
        deadline = time.monotonic() + within_s
        while self.alive():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGKILL)
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        return True
