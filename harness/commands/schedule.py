"""``pipequake schedule``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, chdir
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import click

from harness.end_signals import end_signals
from harness.errors import HarnessError, UsageError
from harness.scenario.suggest import suggestion
from harness.schedule.decide import State, fire_after, why_closed
from harness.schedule.endpoint import Endpoint
from harness.schedule.export import export
from harness.schedule.memory import Memory
from harness.schedule.plan import Job, Schedule
from harness.schedule.read import read_schedule
from harness.schedule.service import Service
from harness.verdict import ExitCode

__all__ = ["export_command", "once_command", "release_command", "serve_command", "upcoming_command"]

_EXIT = {
    "passed": ExitCode.PASSED,
    "failed": ExitCode.FAILED,
    "usage": ExitCode.USAGE,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "interrupted": ExitCode.INCONCLUSIVE,
    "dirty": ExitCode.DIRTY,
}


def _now() -> datetime:
    return datetime.now(UTC)


def _say(text: str) -> None:
    click.echo(f"{_now():%Y-%m-%dT%H:%M:%SZ} {text}")
    sys.stdout.flush()


def serve_command(file: Path) -> int:
    """Serves a schedule until SIGTERM or SIGINT."""
    schedule = read_schedule(file)
    service = Service(schedule, Memory(schedule.state), _now, _say)
    with ExitStack() as stack:
        _on_end(service.stop)
        if schedule.listen is not None:
            endpoint = Endpoint(schedule.listen, service.health, service.metrics)
            stack.callback(endpoint.close)
            _say(f"health and metrics at http://{endpoint.names[0]}/health and /metrics")
        count = len(schedule.jobs)
        _say(f"{count} job{'s' * (count != 1)}; state in {schedule.state}")
        service.run()
    _say("ended")
    return ExitCode.PASSED


def once_command(file: Path, name: str) -> int:
    """Runs one job now, if its guards let it; for those who have a scheduler already."""
    schedule = read_schedule(file)
    job = _job(schedule, name)
    memory = Memory(schedule.state)
    service = Service(schedule, memory, _now, _say)
    _on_end(service.stop)
    verdict = service.run_once(job.name)
    return ExitCode.PASSED if verdict is None else _EXIT.get(verdict, ExitCode.INTERNAL)


def release_command(file: Path) -> int:
    """Lets runs start again after the target was left dirty."""
    schedule = read_schedule(file)
    memory = Memory(schedule.state)
    memory.hold()
    state = memory.load()
    memory.save(State(state.jobs, state.running, state.started, state.harms, dirty=False))
    memory.release()
    click.echo("released" if state.dirty else "nothing was held")
    return ExitCode.PASSED


def upcoming_command(file: Path, count: int, check: Callable[[Sequence[str]], None]) -> int:
    """Lists what is due next, and what would keep it from starting as far as that is known now.

    ``check`` raises what `pipequake run` would say of its arguments. Raises `UsageError` with all of that at the end.
    """
    schedule = read_schedule(file)
    state = Memory(schedule.state).load()
    now = _now()
    rows: list[tuple[datetime, datetime, Job]] = []
    for job in schedule.jobs:
        moment = max(now, state.jobs[job.name].seen) if job.name in state.jobs else now
        for _ in range(count):
            moment, begins = fire_after(job, moment)
            rows.append((begins, moment, job))
    rows.sort(key=lambda row: row[0])
    width = max(len(job.name) for job in schedule.jobs)
    for begins, _, job in rows[:count]:
        closed = why_closed(schedule, State(harms=state.harms, dirty=state.dirty), job, begins)
        local = begins.astimezone(job.cron.timezone)
        why = f"  left out ({closed[0]}): {closed[1]}" if closed else ""
        click.echo(f"{begins:%Y-%m-%d %H:%M:%S} UTC  {local:%a %H:%M %Z}  {job.name:<{width}}{why}".rstrip())
    if refused := list(_refused(schedule, check)):
        raise UsageError("\n".join(refused))
    return ExitCode.PASSED


def _refused(schedule: Schedule, check: Callable[[Sequence[str]], None]) -> Iterator[str]:
    """What is wrong with the run of each job, seen from the schedule's folder, where it would start."""
    for job in schedule.jobs:
        try:
            with chdir(schedule.path.parent):
                check(job.arguments)
        except click.ClickException as error:
            yield f"{schedule.path}: jobs.{job.name} can't run: {error.format_message()}"
        except HarnessError as error:
            yield f"{schedule.path}: jobs.{job.name} can't run: {error}"


def export_command(file: Path, form: str) -> int:
    """Writes the schedule for another scheduler to standard output."""
    click.echo(export(read_schedule(file), form, _now().year), nl=False)
    return ExitCode.PASSED


def _job(schedule: Schedule, name: str) -> Job:
    try:
        return schedule.job(name)
    except KeyError:
        known = suggestion(name, [job.name for job in schedule.jobs])
        raise UsageError(f"{schedule.path}: no job {name!r:.60}. {known}") from None


def _on_end(stop: Callable[[], None]) -> None:
    def handle(number: int, frame: FrameType | None) -> None:
        stop()

    for number in end_signals():
        signal.signal(number, handle)
