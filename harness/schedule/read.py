"""Reads schedule files: strict, every problem at once with line and column."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from harness.errors import Problem, UsageError
from harness.scenario.document import Document, Place, read_document
from harness.scenario.durations import parse_duration
from harness.scenario.suggest import suggestion
from harness.schedule.cron import Cron, zone
from harness.schedule.plan import Budget, Channel, Job, Retry, Schedule
from harness.schedule.windows import DAYS, Blackout, Hours

__all__ = ["ScheduleError", "read_schedule"]

T = TypeVar("T")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_TOP = (
    "timezone",
    "jobs",
    "blackouts",
    "business_hours",
    "min_interval",
    "error_budget",
    "notify",
    "state",
    "results",
    "endpoint",
)
_JOB = (
    "cron", "timezone", "scenarios", "profile", "only", "seed", "repeats", "backend", "time_scale", "jobs", "results",
    "jitter", "misfire_grace", "overlap", "business_hours", "min_interval", "retry",
)  # fmt: skip
_CHANNELS = {
    "webhook": ("url_env", "url_file"),
    "slack": ("url_env", "url_file"),
    "email": ("host", "port", "from", "to", "user", "password_env", "password_file", "starttls"),
}


class ScheduleError(UsageError):
    """A schedule file can't be used; has every problem."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems[:20]))


def read_schedule(path: Path) -> Schedule:
    """The schedule of a file. Raises `ScheduleError`, or `ScenarioError` for what is no YAML."""
    reader = _Reader(read_document(path, "schedule", "docs/schedule.md has one to start from."), path)
    schedule = reader.schedule()
    if reader.problems or schedule is None:
        raise ScheduleError(sorted(reader.problems, key=lambda problem: (problem.line, problem.column)))
    return schedule


@dataclass(slots=True)
class _Reader:
    document: Document
    path: Path
    problems: list[Problem] = field(default_factory=list)

    def schedule(self) -> Schedule | None:
        """The schedule, or None if its jobs can't be made; problems are collected."""
        root = self.document.root
        self.keys((), root, _TOP)
        timezone = self.get((), root, "timezone", _zone, zone("UTC"))
        hours = self.hours((), root, timezone)
        raw_jobs = root.get("jobs")
        if not isinstance(raw_jobs, Mapping) or not raw_jobs:
            self.report(
                ("jobs",), "no job is given. Write `jobs:` and below it for example `nightly: {cron: '17 3 * * *'}`."
            )
            raw_jobs = {}
        results = self.get((), root, "results", _text, "results")
        jobs = [self.job(("jobs", name), name, raw, timezone, hours, results) for name, raw in raw_jobs.items()]
        blackouts = [self.blackout(("blackouts", i), raw, timezone) for i, raw in self.entries(root, "blackouts")]
        channels = [self.channel(("notify", i), raw) for i, raw in self.entries(root, "notify")]
        return Schedule(
            path=self.path,
            jobs=tuple(job for job in jobs if job is not None),
            blackouts=tuple(one for one in blackouts if one is not None),
            min_interval=self.get((), root, "min_interval", _span, timedelta()),
            budget=self.budget(root),
            channels=tuple(one for one in channels if one is not None),
            state=self.path.parent / self.get((), root, "state", _text, f".{self.path.stem}.state.json"),
            listen=self.get((), root, "endpoint", _endpoint, None),
        )

    def job(
        self, place: Place, name: str, raw: Any, timezone: ZoneInfo, hours: Hours | None, results: str
    ) -> Job | None:
        """One job."""
        if not _NAME.fullmatch(name) or len(name) > 60:
            self.report(place, f"{name!r:.60} is not a name. Write lower-case words joined by hyphens.", at_key=True)
        if not self.keys(place, raw, _JOB):
            return None
        timezone = self.get(place, raw, "timezone", _zone, timezone)
        if "cron" not in raw:
            self.report(place, "'cron' is missing. Write for example `cron: '17 3 * * *'`.")
        cron = self.get(place, raw, "cron", lambda value: Cron(_text(value), timezone), None)
        results = self.get(place, raw, "results", _text, results)
        arguments = self.arguments(place, raw, results)
        overlap = self.get(place, raw, "overlap", _one_of("wait", "skip"), "wait")
        if cron is None:
            return None
        return Job(
            name=name,
            cron=cron,
            arguments=arguments,
            results=results,
            jitter=self.get(place, raw, "jitter", _span, timedelta()),
            grace=self.get(place, raw, "misfire_grace", _span, timedelta(hours=1)),
            wait=overlap == "wait",
            hours=self.hours(place, raw, timezone) or hours,
            min_interval=self.get(place, raw, "min_interval", _span, timedelta()),
            retry=self.retry((*place, "retry"), raw.get("retry")),
        )

    def arguments(self, place: Place, raw: Mapping[str, Any], results: str) -> tuple[str, ...]:
        """What `pipequake run` is given."""
        nothing: tuple[str, ...] = ()
        arguments = [*self.get(place, raw, "scenarios", _paths, nothing)]
        for key, option in (("profile", "--profile"), ("only", "--only")):
            for value in self.get(place, raw, key, _texts, nothing):
                arguments += [option, value]
        for key, option in (
            ("seed", "--seed"),
            ("repeats", "--repeats"),
            ("time_scale", "--time-scale"),
            ("jobs", "--jobs"),
        ):
            number = self.get(place, raw, key, _count, None)
            arguments += [] if number is None else [option, str(number)]
        backend = self.get(place, raw, "backend", _text, None)
        arguments += [] if backend is None else ["--backend", backend]
        return (*arguments, "--results", results)

    def hours(self, place: Place, raw: Any, timezone: ZoneInfo) -> Hours | None:
        """Business hours, if there are any."""
        if not isinstance(raw, Mapping) or "business_hours" not in raw:
            return None
        here, place = raw["business_hours"], (*place, "business_hours")
        if not self.keys(place, here, ("days", "from", "to", "timezone"), needed=("from", "to")):
            return None
        weekdays: tuple[str, ...] = DAYS[:5]
        days = self.get(place, here, "days", _days, weekdays)
        start = self.get(place, here, "from", _clock, time(0))
        end = self.get(place, here, "to", _clock, time(0))
        return Hours(days, start, end, self.get(place, here, "timezone", _zone, timezone))

    def blackout(self, place: Place, raw: Any, timezone: ZoneInfo) -> Blackout | None:
        """A span without runs."""
        if not self.keys(place, raw, ("from", "to", "why"), needed=("from", "to")):
            return None
        start = self.get(place, raw, "from", lambda value: _moment(value, timezone, last=False), None)
        end = self.get(place, raw, "to", lambda value: _moment(value, timezone, last=True), None)
        if start is None or end is None:
            return None
        if end <= start:
            self.report((*place, "to"), "the blackout ends before it begins. Swap the two.")
        return Blackout(start, end, self.get(place, raw, "why", _text, ""))

    def budget(self, root: Mapping[str, Any]) -> Budget | None:
        """The error budget, if there is one."""
        raw, place = root.get("error_budget"), ("error_budget",)
        if raw is None or not self.keys(place, raw, ("at_most", "window"), needed=("at_most", "window")):
            return None
        hour = timedelta(hours=1)
        return Budget(self.get(place, raw, "at_most", _some, hour), self.get(place, raw, "window", _some, hour))

    def retry(self, place: Place, raw: Any) -> Retry:
        """When a run that went wrong by itself is tried again."""
        if raw is None or not self.keys(place, raw, ("times", "delay", "inconclusive")):
            return Retry()
        return Retry(
            times=self.get(place, raw, "times", _count, 1),
            delay=self.get(place, raw, "delay", _span, Retry().delay),
            inconclusive=self.get(place, raw, "inconclusive", _flag, False),
        )

    def channel(self, place: Place, raw: Any) -> Channel | None:
        """Somebody who is told."""
        if not isinstance(raw, Mapping) or len(raw) != 1 or next(iter(raw)) not in _CHANNELS:
            self.report(
                place, f"expected one of {', '.join(_CHANNELS)}. Write for example `- slack: {{url_env: SLACK_URL}}`."
            )
            return None
        kind, here = next(iter(raw.items()))
        place = (*place, kind)
        for key in ("url", "password"):
            if isinstance(here, Mapping) and key in here:
                told = f"a secret must not stand in this file. Write `{key}_env: NAME` or `{key}_file: PATH`."
                self.report((*place, key), told, at_key=True)
                return None
        if not self.keys(place, here, _CHANNELS[kind], needed=("host", "from", "to") if kind == "email" else ()):
            return None
        if kind != "email" and len(here) != 1:
            self.report(place, "expected one of `url_env` and `url_file`.")
        nobody: tuple[str, ...] = ()
        settings = {
            key: ",".join(self.get(place, here, key, _texts, nobody)) if key == "to" else str(here[key]) for key in here
        }
        return Channel(kind, settings)

    # -- the small things

    def report(self, place: Place, message: str, *, at_key: bool = False) -> None:
        """Keeps a problem."""
        self.problems.append(self.document.problem(place, message, at_key=at_key))

    def entries(self, root: Mapping[str, Any], key: str) -> list[tuple[int, Any]]:
        """The entries of a list, with their numbers."""
        raw = root.get(key, [])
        if not isinstance(raw, list):
            self.report((key,), "expected a list. Begin each entry with `- `.")
            return []
        return list(enumerate(raw))

    def keys(self, place: Place, raw: Any, known: tuple[str, ...], needed: tuple[str, ...] = ()) -> bool:
        """Whether this is a mapping; unknown and missing keys are reported."""
        if not isinstance(raw, Mapping):
            self.report(place, f"expected keys and values, got {raw!r:.60}. Keys: {', '.join(known)}.")
            return False
        for key in raw:
            if key not in known:
                self.report((*place, key), f"unknown key. {suggestion(key, known)}", at_key=True)
        for key in needed:
            if key not in raw:
                self.report(place, f"{key!r} is missing.")
        return True

    def get(self, place: Place, raw: Mapping[str, Any], key: str, check: Callable[[Any], T], default: T) -> T:
        """A checked value, or the default."""
        if key not in raw:
            return default
        try:
            return check(raw[key])
        except ValueError as error:
            self.report((*place, key), str(error))
            return default


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected text, got {value!r:.60}.")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_text(entry) for entry in (value if isinstance(value, list) else [value]))


def _paths(value: Any) -> tuple[str, ...]:
    paths = _texts(value)
    for path in paths:
        if path.startswith("-"):
            raise ValueError(f"expected a path, got {path!r:.60}, which reads like an option. Write './{path:.60}'.")
    return paths


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"expected a whole number of at least 0, got {value!r:.60}.")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"expected true or false, got {value!r:.60}.")
    return value


def _span(value: Any) -> timedelta:
    return timedelta(seconds=parse_duration(value))


def _zone(value: Any) -> ZoneInfo:
    return zone(_text(value))


def _one_of(*words: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in words:
            raise ValueError(f"unknown value {value!r:.60}. {suggestion(value, words)}")
        return str(value)

    return check


def _days(value: Any) -> tuple[str, ...]:
    """``mon-fri``, or a list of days."""
    if isinstance(value, str) and value.count("-") == 1:
        first, last = (DAYS.index(_one_of(*DAYS)(day.strip().lower())) for day in value.split("-"))
        return tuple(DAYS[(first + step) % 7] for step in range((last - first) % 7 + 1))
    return tuple(_one_of(*DAYS)(day.lower()) for day in _texts(value))


def _some(value: Any) -> timedelta:
    span = _span(value)
    if not span:
        raise ValueError("a budget of 0s lets nothing start, and one over 0s nothing count. Write for example '2h'.")
    return span


def _clock(value: Any) -> time:
    if not isinstance(value, str) or not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", value):
        raise ValueError(f"expected a time of day, got {value!r:.60}. Write for example '09:00'; midnight is '00:00'.")
    hour, minute = value.split(":")
    return time(int(hour), int(minute))


def _moment(value: Any, timezone: ZoneInfo, *, last: bool) -> datetime:
    """A date (for an end: to the end of that day) or a moment, local unless it has an offset."""
    text = _text(value)
    try:
        if len(text) <= 10:
            day = date.fromisoformat(text) + timedelta(days=last)
            moment = datetime.combine(day, time())
        else:
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValueError(
            f"expected a date or a moment, got {text!r:.60}. Write 2026-12-24 or 2026-12-24T18:00."
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone)).astimezone(UTC)


def _endpoint(value: Any) -> tuple[str, int]:
    host, _, port = _text(value).rpartition(":")
    host = host.strip("[]")
    if not port.isdecimal() or int(port) > 65535 or host not in _LOOPBACK:
        raise ValueError(f"expected a port on this machine, got {value!r:.60}. Write for example 127.0.0.1:9464.")
    return host, int(port)
