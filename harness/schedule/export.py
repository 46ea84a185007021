"""The same schedule for those who have a scheduler already: cron, GitHub Actions, Kubernetes, systemd.

What they start is ``pipequake schedule FILE --once JOB``, so that windows, intervals, budget and notices stay as they
are in the file.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from datetime import datetime, timedelta

from harness.errors import UsageError
from harness.schedule.plan import Job, Schedule

__all__ = ["FORMATS", "export"]

_SYSTEMD_DAYS = {"sun": "Sun", "mon": "Mon", "tue": "Tue", "wed": "Wed", "thu": "Thu", "fri": "Fri", "sat": "Sat"}


def export(schedule: Schedule, form: str, year: int) -> str:
    """The schedule in a format of `FORMATS`. ``year`` is the one whose clock changes are looked at.

    Raises `UsageError` for what the other scheduler can't be told exactly.
    """
    return FORMATS[form](schedule, year)


def _once(schedule: Schedule, job: Job) -> str:
    return shlex.join(["pipequake", "schedule", schedule.path.name, "--once", job.name])


def _cron(schedule: Schedule, year: int) -> str:
    lines = ["# Written by `pipequake schedule export --format cron`."]
    for job in schedule.jobs:
        command = _once(schedule, job).replace("%", r"\%")
        entry = f"{_expression(job)} cd {shlex.quote(_folder(schedule))} && {command}"
        lines += ["", f"CRON_TZ={job.cron.timezone.key}", entry]
    return "\n".join(lines) + "\n"


def _expression(job: Job) -> str:
    """Five fields that every cron understands."""
    days = {name: str(number) for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
    weekday = re.sub("[a-z]{3}", lambda match: days[match.group()], job.cron.fields["weekday"])
    return " ".join([*(job.cron.fields[name] for name in ("minute", "hour", "day", "month")), weekday])


def _folder(schedule: Schedule) -> str:
    return str(schedule.path.parent.absolute())


def _github(schedule: Schedule, year: int) -> str:
    lines = [
        "# Written by `pipequake schedule export --format github`: .github/workflows/chaos-schedule.yml",
        "name: chaos schedule",
        "on:",
        "  workflow_dispatch:",
        "  schedule:",
    ]
    for job in schedule.jobs:
        expression, note = _in_utc(job, year)
        lines += [*([f"    # {note}"] if note else []), f"    - cron: {json.dumps(expression)}  # {job.name}"]
    lines += ["permissions:", "  contents: read", "jobs:"]
    for job in schedule.jobs:
        expression, _ = _in_utc(job, year)
        lines += [
            f"  {job.name}:",
            f"    if: github.event_name != 'schedule' || github.event.schedule == '{expression}'",
            "    runs-on: ubuntu-latest",
            "    steps:",
            "      - uses: actions/checkout@v4",
            "      - uses: actions/setup-python@v5",
            '        with: {python-version: "3.12"}',
            "      - run: pip install 'pipequake[schedule]'",
            f"      - run: {json.dumps(_once(schedule, job))}",
            "      - uses: actions/upload-artifact@v4",
            "        if: always()",
            f"        with: {{name: {job.name}, path: {json.dumps(job.results)}}}",
        ]
    return "\n".join(lines) + "\n"


def _in_utc(job: Job, year: int) -> tuple[str, str]:
    """An expression in UTC, and what is different in half of the year. GitHub knows no other zone."""
    offsets = [datetime(year, month, 1, 12, tzinfo=job.cron.timezone).utcoffset() or timedelta() for month in (1, 7)]
    fields = job.cron.fields
    if not any(offsets):
        return _expression(job), ""
    fixed = fields["minute"].isdecimal() and fields["hour"].isdecimal()
    if not fixed or (fields["day"], fields["month"], fields["weekday"]) != ("*", "*", "*"):
        raise UsageError(
            f"{job.name}: GitHub knows UTC only, and {job.cron.text!r} in {job.cron.timezone.key} is more than a time "
            "of day. Write the job with `timezone: UTC`."
        )
    minutes = (int(fields["hour"]) * 60 + int(fields["minute"]) - int(offsets[0].total_seconds() // 60)) % 1440
    note = f"{int(fields['hour']):02d}:{int(fields['minute']):02d} {job.cron.timezone.key}"
    if offsets[0] != offsets[1]:
        note += f" in January; in July it is {(offsets[1] - offsets[0]) / timedelta(hours=1):+g} h by the clock there"
    return f"{minutes % 60} {minutes // 60} * * *", note


def _kubernetes(schedule: Schedule, year: int) -> str:
    return "---\n".join(_cron_job(schedule, job) for job in schedule.jobs)


def _cron_job(schedule: Schedule, job: Job) -> str:
    return "\n".join(
        [
            "apiVersion: batch/v1",
            "kind: CronJob",
            "metadata:",
            f"  name: chaos-{job.name[:46].rstrip('-')}",
            "spec:",
            f"  schedule: {json.dumps(_expression(job))}",
            f"  timeZone: {json.dumps(job.cron.timezone.key)}",
            "  concurrencyPolicy: Forbid",
            f"  startingDeadlineSeconds: {max(10, int(job.grace.total_seconds()))}",
            "  jobTemplate:",
            "    spec:",
            "      backoffLimit: 0  # the file says what is tried again",
            "      template:",
            "        spec:",
            "          restartPolicy: Never",
            "          containers:",
            "            - name: pipequake",
            "              image: YOUR-IMAGE-WITH-PIPEQUAKE",
            f"              command: {json.dumps(shlex.split(_once(schedule, job)))}",
            "",
        ]
    )


def _systemd(schedule: Schedule, year: int) -> str:
    return "\n".join(_units(schedule, job) for job in schedule.jobs)


def _units(schedule: Schedule, job: Job) -> str:
    unit = f"pipequake-{job.name}"
    command = _once(schedule, job).replace("%", "%%")
    return "\n".join(
        [
            f"# {unit}.service",
            "[Unit]",
            f"Description=Pipequake: {job.name}",
            "",
            "[Service]",
            "Type=oneshot",
            f"WorkingDirectory={_folder(schedule).replace('%', '%%')}",
            f"ExecStart=/usr/bin/env {command}",
            "KillSignal=SIGTERM",
            "",
            f"# {unit}.timer",
            "[Timer]",
            *(f"OnCalendar={line}" for line in _calendars(job)),
            f"RandomizedDelaySec={int(job.jitter.total_seconds())}",
            "Persistent=true",
            "",
            "[Install]",
            "WantedBy=timers.target",
            "",
        ]
    )


def _calendars(job: Job) -> list[str]:
    """systemd's calendar expressions: one, or two where either of two days is enough."""
    fields = job.cron.fields
    clock = f"{_calendar(fields['hour'], 0)}:{_calendar(fields['minute'], 0)}:00 {job.cron.timezone.key}"
    weekdays = ",".join(_SYSTEMD_DAYS[day] for day in fields["weekday"].split(",")) if fields["weekday"] != "*" else ""
    month, day = _calendar(fields["month"], 1), _calendar(fields["day"], 1)
    if weekdays and day != "*" and not fields["day"].startswith("*"):
        return [f"*-{month}-{day} {clock}", f"{weekdays} *-{month}-* {clock}"]
    return [f"{weekdays} *-{month}-{day} {clock}".strip()]


def _calendar(field: str, first: int) -> str:
    """One field: ``*/10`` is ``0/10``, ``1-5`` is ``1..5``."""
    parts = [re.sub(r"^\*/", f"{first}/", part) for part in field.split(",")]
    return ",".join(part.replace("-", "..") for part in parts)


FORMATS: dict[str, Callable[[Schedule, int], str]] = {
    "cron": _cron,
    "github": _github,
    "kubernetes": _kubernetes,
    "systemd": _systemd,
}
