"""The scheduler: waits, starts runs, keeps its state, tells changes, and ends cleanly."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from harness.safety.stop_file import StopFile, default_stop_file
from harness.schedule.child import Child
from harness.schedule.decide import Finished, Notice, Skip, Start, State, abandon, finish, next_wake, step, told
from harness.schedule.endpoint import Sample, exposition
from harness.schedule.memory import Memory
from harness.schedule.notify import NotTold, tell
from harness.schedule.plan import Schedule

__all__ = ["Process", "Service"]

#: The clock may be set, and a laptop may sleep: no wait is longer, in seconds.
_LONGEST_WAIT_S = 30.0
_POLL_S = 0.2
#: A notice is tried so often.
_TRIES = 3

_HELPS = {
    "pipequake_schedule_runs_total": ("counter", "Runs that ended, by verdict."),
    "pipequake_schedule_skipped_total": ("counter", "Runs that were due and did not start, by reason."),
    "pipequake_schedule_notices_total": ("counter", "Notices, by whether they were delivered."),
    "pipequake_schedule_next_due_timestamp_seconds": ("gauge", "When something is due next."),
    "pipequake_schedule_running": ("gauge", "Whether a run goes on."),
    "pipequake_schedule_dirty": ("gauge", "Whether the target was left dirty."),
}


class Process(Protocol):
    """A run that was started; `harness.schedule.child.Child` is one."""

    def running(self) -> bool:
        """Whether it goes on."""
        ...

    def stop(self) -> None:
        """Asks it to end."""
        ...

    def finished(self) -> Finished:
        """How it ended."""
        ...


Begin = Callable[[Sequence[str], Path, Path], Process]


class Service:
    """Runs a schedule until `stop`. ``now`` is the clock, ``say`` the log; ``begin`` starts a run."""

    def __init__(
        self,
        schedule: Schedule,
        memory: Memory,
        now: Callable[[], datetime],
        say: Callable[[str], None],
        begin: Begin = Child,
    ) -> None:
        self._schedule = schedule
        self._memory = memory
        self._now = now
        self._say = say
        self._begin = begin
        self._state = State()
        self._process: Process | None = None
        self._ended = threading.Event()
        self._stop_file = StopFile(default_stop_file())
        self._last: str | None = None
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def stop(self) -> None:
        """Ends the service; a run that goes on is reverted first. May be called from a signal handler."""
        self._ended.set()

    def run(self) -> None:
        """Serves until stopped. Raises `UsageError` if the state can't be had or kept."""
        self.open()
        try:
            while not self._ended.is_set():
                self.turn()
                self._wait()
        finally:
            self.close()

    def run_once(self, name: str) -> str | None:
        """Runs one job now, with its guards, retries and notices; its verdict, None if a guard kept it from starting.

        Raises `UsageError` if the state can't be had or kept.
        """
        self.open()
        now = self._now()
        state = step(self._schedule, self._state, now)[0]  # forgets what was due before: others keep the time
        quiet = {job: replace(mine, seen=now, waiting=None, retry_at=None) for job, mine in state.jobs.items()}
        quiet[name] = replace(quiet[name], waiting=now)
        self._state = replace(state, jobs=quiet, running=None)
        try:
            self.turn()
            if self._process is None and self._last is None:
                return None
            while self._process is not None or self._state.jobs[name].retry_at is not None:
                if self._ended.wait(_POLL_S):
                    break
                self.turn()
        finally:
            self.close()
        return self._last

    def open(self) -> None:
        """Takes up where the last service ended."""
        self._memory.hold()
        before = self._memory.load()
        self._state = abandon(self._schedule, before, self._now())
        if before.running is not None:
            self._say(f"{before.running.job}: its run ended with the scheduler that watched it")
        self._memory.save(self._state)

    def turn(self) -> None:
        """Does what is due now."""
        if self._process is not None and not self._process.running():
            self._conclude(self._process.finished())
        held = f"{self._stop_file.path} is there" if self._stop_file.present() else None
        state, events = step(self._schedule, self._state, self._now(), held)
        if state != self._state:
            self._state = state
            self._memory.save(state)
        for event in events:
            if isinstance(event, Skip):
                self._counts["skipped", event.job, event.reason] += 1
                self._say(f"{event.job}: left out ({event.reason}): {event.detail}")
            else:
                self._start(event)

    def close(self) -> None:
        """Ends what goes on, and keeps what is known."""
        if self._process is not None:
            self._say("stopping: the run that goes on is asked to revert its faults")
            self._process.stop()
            self._conclude(self._process.finished())
        self._memory.release()

    def _start(self, event: Start) -> None:
        job = self._schedule.job(event.job)
        folder = self._schedule.path.parent
        log = folder / job.results / "schedule" / f"{job.name}-{self._now():%Y-%m-%dT%H-%M-%S}.log"
        again = f", attempt {event.attempt}" if event.attempt > 1 else ""
        self._say(f"{job.name}: started{again}; log {log}")
        try:
            self._process = self._begin(job.arguments, folder, log)
        except OSError as error:
            self._say(
                f"{job.name}: could not be started ({error.strerror}: {error.filename}). Check the job's `results`"
            )
            self._conclude(Finished("error"))

    def _conclude(self, how: Finished) -> None:
        running, self._process = self._state.running, None
        state, notice = finish(self._schedule, self._state, self._now(), how)
        self._state = state
        self._memory.save(state)
        if running is None:
            return
        self._last = how.verdict
        self._counts["runs", running.job, how.verdict] += 1
        again = state.jobs[running.job].retry_at
        self._say(f"{running.job}: {how.verdict}" + (f"; again at {again:%Y-%m-%d %H:%M:%S} UTC" if again else ""))
        if notice is not None and self._tell(notice):
            self._state = told(self._state, notice.job)
            self._memory.save(self._state)

    def _tell(self, notice: Notice) -> bool:
        """Whether anybody was told."""
        delivered = False
        for channel in self._schedule.channels:
            why = ""
            for _ in range(_TRIES):
                try:
                    tell(channel, notice)
                except NotTold as error:
                    why = str(error)
                    continue
                why = ""
                break
            delivered |= not why
            self._counts["notices", channel.kind, "failed" if why else "delivered"] += 1
            self._say(f"{notice.job}: {f'nobody was told: {why}' if why else f'told by {channel.kind}'}")
        return delivered

    def _wait(self) -> None:
        until = next_wake(self._schedule, self._state) - self._now()
        limit = _POLL_S if self._process is not None else _LONGEST_WAIT_S
        self._ended.wait(max(0.0, min(limit, until / timedelta(seconds=1))))

    # -- for the endpoint, from its threads: a state is never changed, only replaced

    def health(self) -> dict[str, Any]:
        """What ``/health`` says."""
        state = self._state
        running = state.running
        return {
            "ok": not state.dirty and not self._ended.is_set(),
            "running": None if running is None else running.job,
            "dirty": state.dirty,
            "next": next_wake(self._schedule, state).isoformat(),
            "verdicts": {name: mine.verdict for name, mine in state.jobs.items()},
        }

    def metrics(self) -> str:
        """What ``/metrics`` says."""
        state = self._state
        labels = {"runs": ("job", "verdict"), "skipped": ("job", "reason"), "notices": ("channel", "result")}
        samples: list[Sample] = [
            (f"pipequake_schedule_{what}_total", {labels[what][0]: one, labels[what][1]: other}, float(count))
            for (what, one, other), count in sorted(self._counts.copy().items())
        ]
        samples += [
            ("pipequake_schedule_next_due_timestamp_seconds", {}, next_wake(self._schedule, state).timestamp()),
            ("pipequake_schedule_running", {}, float(state.running is not None)),
            ("pipequake_schedule_dirty", {}, float(state.dirty)),
        ]
        return exposition(samples, _HELPS)
