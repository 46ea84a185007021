"""Schedules on a clock that is only told the time, with runs that end as a script says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from harness.schedule.cron import Cron, zone
from harness.schedule.decide import Finished, Notice, Skip, Start, State, abandon, finish, next_wake, step
from harness.schedule.plan import Job, Schedule

HOUR = timedelta(hours=1)
YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def job(name: str, cron: str, timezone: str = "UTC", **settings: Any) -> Job:
    return Job(name, Cron(cron, zone(timezone)), (), "results", **settings)


def plan(*jobs: Job, **settings: Any) -> Schedule:
    return Schedule(Path("schedule.yaml"), jobs, **settings)


@dataclass(slots=True)
class World:
    """Plays a schedule; remembers all that happened."""

    schedule: Schedule
    lasts: Callable[[Start], timedelta] = lambda start: timedelta(minutes=5)
    ends: Callable[[Start], Finished] = lambda start: Finished("passed")
    state: State = field(default_factory=State)
    started: list[tuple[datetime, Start]] = field(default_factory=list)
    spans: list[tuple[datetime, datetime]] = field(default_factory=list)
    skipped: list[tuple[datetime, Skip]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    _end: tuple[datetime, Start] | None = None

    def play(self, since: datetime, until: datetime) -> None:
        """Lets the time go on from moment to moment at which something may happen."""
        now = since
        while now < until:
            if self._end is not None and self._end[0] <= now:
                self._finish(now, self.ends(self._end[1]))
            self.state, events = step(self.schedule, self.state, now)
            for event in events:
                if isinstance(event, Skip):
                    self.skipped.append((now, event))
                else:
                    self.started.append((now, event))
                    self._end = (now + self.lasts(event), event)
            moments = [next_wake(self.schedule, self.state)]
            if self._end is not None:
                moments.append(self._end[0])
            now = max(now + timedelta(seconds=1), min(moments))

    def crash(self, now: datetime) -> None:
        """The service is killed and started again: what goes on dies with it."""
        if self._end is not None:
            self.spans.append((self.started[-1][0], now))
            self._end = None
        self.state = abandon(self.schedule, self.state, now)

    def restart(self) -> None:
        """The service ends between two runs, and another takes its state over."""
        assert self._end is None
        self.state = abandon(self.schedule, replace(self.state), self.started[-1][0])

    def _finish(self, now: datetime, how: Finished) -> None:
        self.spans.append((self.started[-1][0], now))
        self._end = None
        self.state, notice = finish(self.schedule, self.state, now, how)
        if notice is not None:
            self.notices.append(notice)

    def reasons(self) -> set[str]:
        """Why runs were left out."""
        return {skip.reason for _, skip in self.skipped}
