"""What to do now: pure functions from a schedule, a state and a moment to the next state and what is to happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from chaos.rng import key64
from harness.schedule.plan import Job, Schedule

__all__ = [
    "Finished",
    "JobState",
    "Notice",
    "Running",
    "Skip",
    "Start",
    "State",
    "abandon",
    "finish",
    "fire_after",
    "next_wake",
    "step",
    "told",
    "why_closed",
]

#: Verdicts of a run by itself, not by its expectations.
HARNESS_ERRORS = frozenset({"error"})
#: Nothing is told of these: somebody ended the run on purpose, or it was not a run.
UNTOLD = frozenset({"interrupted"})


@dataclass(frozen=True, slots=True)
class Running:
    """The run that goes on: one at a time, as there is one target."""

    job: str
    due: datetime
    attempt: int
    started: datetime


@dataclass(frozen=True, slots=True)
class JobState:
    """What is remembered of a job. ``seen``: all that was due until then has been decided."""

    seen: datetime
    waiting: datetime | None = None
    """Due since then; starts when nothing else runs."""
    retry_at: datetime | None = None
    retry_due: datetime | None = None
    attempt: int = 0
    started: datetime | None = None
    verdict: str | None = None
    tiers: Mapping[str, int | None] = field(default_factory=dict)
    untold: bool = False
    """Nobody could be told of the verdict yet: the next run tells it, whether it changed or not."""


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of a schedule; survives restarts. ``harms`` are (when, seconds of outage)."""

    jobs: Mapping[str, JobState] = field(default_factory=dict)
    running: Running | None = None
    started: datetime | None = None
    harms: tuple[tuple[datetime, float], ...] = ()
    dirty: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """A run begins now."""

    job: str
    due: datetime
    attempt: int


@dataclass(frozen=True, slots=True)
class Skip:
    """A run that was due does not begin, and why."""

    job: str
    due: datetime
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended. ``verdict``: passed, failed, inconclusive, error, usage, dirty or interrupted."""

    verdict: str
    tiers: Mapping[str, int | None] = field(default_factory=dict)
    harm_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Notice:
    """A change that somebody is told of."""

    job: str
    verdict: str
    before: str | None
    tiers: Mapping[str, int | None]
    tiers_before: Mapping[str, int | None]


Event = Start | Skip


def fire_after(job: Job, moment: datetime) -> tuple[datetime, datetime]:
    """The next time at which a job is due after a moment: as written, and with its jitter.

    The jitter depends on job and time alone, so that a restart does not draw it anew.
    """
    due = job.cron.next(moment)
    spread_s = int(job.jitter.total_seconds())
    return due, due + timedelta(seconds=key64(0, job.name, int(due.timestamp())) % (spread_s + 1))


def step(schedule: Schedule, state: State, now: datetime, held: str | None = None) -> tuple[State, list[Event]]:
    """Decides about everything that is due by now. At most one run starts, and only if none goes on.

    ``held`` says why nothing at all may start, if so.
    """
    jobs = {job.name: state.jobs.get(job.name, JobState(seen=now)) for job in schedule.jobs}
    events: list[Event] = []
    for job in schedule.jobs:
        jobs[job.name], skipped = _take_due(job, jobs[job.name], now)
        events += skipped
    state = replace(state, jobs=jobs)
    ready = [(due, job, retry) for job in schedule.jobs for due, retry in _ready(jobs[job.name], now)]
    for due, job, retry in sorted(ready, key=lambda one: one[0]):
        state, event = _decide(schedule, state, job, due, now, held, retry=retry)
        if event is not None:
            events.append(event)
    return state, events


def _take_due(job: Job, mine: JobState, now: datetime) -> tuple[JobState, list[Skip]]:
    """Moves what has become due to ``waiting``: the latest one that is not too late; the others are left out."""
    skipped: list[Skip] = []
    waiting = mine.waiting
    due, begins = fire_after(job, mine.seen)
    seen = mine.seen
    while begins <= now:
        seen = due
        if now - begins > job.grace:
            skipped.append(
                Skip(job.name, due, "misfire", f"it was {_span(now - begins)} late, more than {_span(job.grace)}")
            )
        else:
            if waiting is not None:
                skipped.append(Skip(job.name, waiting, "coalesced", "a later one was due before it could start"))
            waiting = due
        due, begins = fire_after(job, due)
    return replace(mine, seen=seen, waiting=waiting), skipped


def _ready(mine: JobState, now: datetime) -> list[tuple[datetime, bool]]:
    if mine.retry_at is not None and mine.retry_due is not None and mine.retry_at <= now:
        return [(mine.retry_due, True)]
    return [(mine.waiting, False)] if mine.waiting is not None and mine.retry_at is None else []


def _decide(
    schedule: Schedule, state: State, job: Job, due: datetime, now: datetime, held: str | None, *, retry: bool
) -> tuple[State, Event | None]:
    mine = state.jobs[job.name]
    if state.running is not None:
        if job.wait or retry:
            return state, None
        return _dropped(state, job.name), Skip(job.name, due, "overlap", f"{state.running.job} was still running")
    closed = ("stopped", held) if held else why_closed(schedule, state, job, now, retry=retry)
    if closed is not None:
        return _dropped(state, job.name), Skip(job.name, due, *closed)
    attempt = mine.attempt + 1 if retry else 1
    waiting = mine.waiting if retry else None
    begun = replace(mine, waiting=waiting, retry_at=None, retry_due=None, attempt=attempt, started=now)
    jobs = {**state.jobs, job.name: begun}
    running = Running(job.name, due, attempt, now)
    return replace(state, jobs=jobs, running=running, started=now), Start(job.name, due, attempt)


def _dropped(state: State, name: str) -> State:
    mine = state.jobs[name]
    if mine.retry_at is not None:
        mine = replace(mine, retry_at=None, retry_due=None, attempt=0)
    else:
        mine = replace(mine, waiting=None)
    return replace(state, jobs={**state.jobs, name: mine})


def why_closed(
    schedule: Schedule, state: State, job: Job, now: datetime, *, retry: bool = False
) -> tuple[str, str] | None:
    """Why a job must not start at a moment: the reason in a word, and in words. None if it may."""
    if state.dirty:
        return "dirty", "the last run left the target dirty; mend it, then `pipequake schedule FILE --release`"
    for blackout in schedule.blackouts:
        if blackout.holds(now):
            return "blackout", blackout.why or f"until {blackout.end:%Y-%m-%d %H:%M} UTC"
    if job.hours is not None and not job.hours.open(now):
        return "hours", f"only {', '.join(job.hours.days)} {job.hours.start:%H:%M} to {job.hours.end:%H:%M}"
    mine = state.jobs.get(job.name)
    spans = [(schedule.min_interval, state.started), (job.min_interval, mine.started if mine else None)]
    for least, before in spans:
        if before is not None and not retry and now - before < least:
            return "interval", f"the last run started {_span(now - before)} before, at least {_span(least)} are wanted"
    return _why_spent(schedule, state, now)


def _why_spent(schedule: Schedule, state: State, now: datetime) -> tuple[str, str] | None:
    budget = schedule.budget
    if budget is None:
        return None
    spent = timedelta(seconds=sum(harm for when, harm in state.harms if when > now - budget.window))
    if spent < budget.at_most:
        return None
    return "budget", f"runs did {_span(spent)} of harm in {_span(budget.window)}, {_span(budget.at_most)} are allowed"


def finish(schedule: Schedule, state: State, now: datetime, how: Finished) -> tuple[State, Notice | None]:
    """The run that went on has ended. A change of verdict or tier is a notice; so is a first verdict but passed."""
    running = state.running
    if running is None:
        return state, None
    job = schedule.job(running.job)
    mine = state.jobs[job.name]
    state = replace(
        state, running=None, dirty=state.dirty or how.verdict == "dirty", harms=_harms(schedule, state, now, how)
    )
    again = how.verdict in HARNESS_ERRORS or (how.verdict == "inconclusive" and job.retry.inconclusive)
    if again and running.attempt <= job.retry.times:
        mine = replace(mine, retry_at=now + job.retry.delay, retry_due=running.due)
        return replace(state, jobs={**state.jobs, job.name: mine}), None
    mine = replace(mine, attempt=0)
    notice = None
    if how.verdict not in UNTOLD:
        changed = how.verdict != (mine.verdict or "passed") or (
            bool(mine.tiers) and bool(how.tiers) and how.tiers != mine.tiers
        )
        if changed or mine.untold:
            notice = Notice(job.name, how.verdict, mine.verdict, how.tiers, mine.tiers)
        untold = notice is not None and bool(schedule.channels)  # until somebody is
        mine = replace(mine, verdict=how.verdict, tiers=how.tiers or mine.tiers, untold=untold)
    return replace(state, jobs={**state.jobs, job.name: mine}), notice


def told(state: State, name: str) -> State:
    """Somebody knows of the job's verdict."""
    return replace(state, jobs={**state.jobs, name: replace(state.jobs[name], untold=False)})


def _harms(schedule: Schedule, state: State, now: datetime, how: Finished) -> tuple[tuple[datetime, float], ...]:
    if schedule.budget is None:
        return ()
    kept = [(when, harm) for when, harm in state.harms if when > now - schedule.budget.window]
    return (*kept, (now, how.harm_s)) if how.harm_s > 0 else tuple(kept)


def abandon(schedule: Schedule, state: State, now: datetime) -> State:
    """After a restart: the run that went on died with the service that watched it. It counts as an error of the
    harness, so that it is tried again if the job says so. Jobs that are no longer there are forgotten."""
    names = {job.name for job in schedule.jobs}
    state = replace(state, jobs={name: mine for name, mine in state.jobs.items() if name in names})
    if state.running is not None and state.running.job not in names:
        return replace(state, running=None)
    return finish(schedule, state, now, Finished("error"))[0] if state.running is not None else state


def next_wake(schedule: Schedule, state: State) -> datetime:
    """The next moment at which something may be due, as far as it is known now."""
    moments: list[datetime] = []
    for job in schedule.jobs:
        mine = state.jobs.get(job.name)
        if mine is None:
            return datetime.min.replace(tzinfo=UTC)
        moments.append(fire_after(job, mine.seen)[1])
        if mine.retry_at is not None:
            moments.append(mine.retry_at)
    return min(moments)


def _span(span: timedelta) -> str:
    from harness.scenario.durations import format_duration

    return format_duration(round(max(0.0, span.total_seconds())))
