"""A run as a child process: started, ended, and read from what it leaves."""

from __future__ import annotations

import ctypes
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.schedule.decide import Finished
from harness.verdict import ExitCode

__all__ = ["Child"]

_VERDICTS = {
    ExitCode.PASSED: "passed",
    ExitCode.FAILED: "failed",
    ExitCode.USAGE: "usage",
    ExitCode.INCONCLUSIVE: "inconclusive",
    ExitCode.DIRTY: "dirty",
}


class Child:
    """``pipequake run`` in a session of its own, in the folder of the schedule. What it says goes to ``log``."""

    def __init__(self, arguments: Sequence[str], folder: Path, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        libc = ctypes.CDLL(None, use_errno=True)  # found here: little may be done between fork and exec

        def end_with_parent() -> None:
            libc.prctl(1, signal.SIGTERM)  # when the scheduler is killed, the run ends as if it were asked to (Linux)

        self._card = log.with_suffix(".json")
        self.log = log
        self.stopped = False
        with log.open("wb") as errors, self._card.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "harness.cli", "run", *arguments, "--json"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
                preexec_fn=end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - one system call
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def running(self) -> bool:
        """Whether it goes on."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Asks it to end: it reverts every fault, and writes its report."""
        self.stopped = True
        if self.running():
            self._process.send_signal(signal.SIGTERM)

    def finished(self) -> Finished:
        """Waits for the end; how it was."""
        code = self._process.wait()
        try:
            card = json.loads(self._card.read_text(encoding="utf-8"))
            tiers = {profile["profile"]: profile["tier"]["level"] for profile in card["profiles"]}
            signals = [found for one in card["experiments"] for found in one["signals"]]
            areas = [found["area"] for found in signals if found["signal"] == "total"]
        except (OSError, ValueError, KeyError, TypeError):
            tiers, areas = {}, []
        self._card.unlink(missing_ok=True)
        verdict = _VERDICTS.get(ExitCode(code), "error") if code in set(ExitCode) else "error"
        if self.stopped and verdict != "dirty":
            verdict = "interrupted"
        return Finished(verdict, tiers, harm_s=3600.0 * sum(max(0.0, area) for area in areas))
