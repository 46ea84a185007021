"""The schedule file: what runs when, under which guards, and who is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from harness.schedule.cron import Cron
from harness.schedule.windows import Blackout, Hours

__all__ = ["Budget", "Channel", "Job", "Retry", "Schedule"]


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a run that failed by itself, not by its expectations, is tried again."""

    times: int = 0
    delay: timedelta = timedelta(minutes=10)
    inconclusive: bool = False
    """Also try again what was inconclusive."""


@dataclass(frozen=True, slots=True)
class Job:
    """A run that is due again and again: what `pipequake run` is given, and when."""

    name: str
    cron: Cron
    arguments: tuple[str, ...]
    results: str
    jitter: timedelta = timedelta()
    grace: timedelta = timedelta(hours=1)
    """How late it may start; what is later is a misfire, and left out."""
    wait: bool = True
    """While another run goes on it waits for the end of that, instead of being left out."""
    hours: Hours | None = None
    min_interval: timedelta = timedelta()
    retry: Retry = Retry()


@dataclass(frozen=True, slots=True)
class Budget:
    """The harm (as the time of a total outage) that runs may do in a moving window."""

    at_most: timedelta
    window: timedelta


@dataclass(frozen=True, slots=True)
class Channel:
    """Somebody who is told of changes: ``kind`` webhook, slack or email. Secrets are names of what holds them."""

    kind: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A whole schedule file."""

    path: Path
    jobs: tuple[Job, ...]
    blackouts: tuple[Blackout, ...] = ()
    min_interval: timedelta = timedelta()
    budget: Budget | None = None
    channels: tuple[Channel, ...] = ()
    state: Path = Path("schedule-state.json")
    listen: tuple[str, int] | None = None

    def job(self, name: str) -> Job:
        """The job of a name. Raises `KeyError`."""
        for job in self.jobs:
            if job.name == name:
                return job
        raise KeyError(name)
