"""``pipequake gameday``."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import socket
import sys
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.console import report_console
from harness.control_cache import ControlCache
from harness.end_signals import end_signals
from harness.errors import UsageError
from harness.gameday.board import Board
from harness.gameday.conclude import conclude
from harness.gameday.controls import Controls
from harness.gameday.director import Director
from harness.gameday.event_log import Event, EventLog, read_events
from harness.gameday.game import Seat
from harness.gameday.load import LoadedPlan, load_plan
from harness.gameday.opening import KEYS, LOG, begin, board_of, reopen
from harness.gameday.rounds import RoundArms
from harness.gameday.web.app import create_app
from harness.gameday.web.keys import Keys
from harness.gameday.web.server import listen, serving
from harness.git_state import git_state
from harness.run_folder import RunFolder
from harness.safety.guard import Pulse, guarded_live_run
from harness.safety.stop_file import StopFile, default_stop_file
from harness.targets import load_target
from harness.targets.base import Interrupt, Target
from harness.verdict import ExitCode

__all__ = ["GamedayOptions", "check_plan", "example_plan", "gameday_command"]

#: How long a console that died may take to revert what it had applied, in seconds.
_TAKE_OVER_S = 15.0


@dataclass(frozen=True, slots=True)
class GamedayOptions:
    """What the command line says."""

    plan: Path | None
    resume: Path | None
    conclude: bool
    port: int
    results: Path
    linger_s: float


def example_plan() -> str:
    """A plan to start from."""
    return files("harness.gameday").joinpath("example.yaml").read_text(encoding="utf-8")


def check_plan(path: Path) -> str:
    """A line about a plan that is sound; raises `ScenarioError` with all that is wrong."""
    loaded = load_plan(path, load_target())
    count = len(loaded.scenarios)
    names = ", ".join(scenario.name for scenario in loaded.scenarios)
    return f"{loaded.plan.title}: {count} round{'s' * (count != 1)} ({names}), profile {loaded.plan.profile}"


def gameday_command(options: GamedayOptions) -> int:
    """Runs a gameday, resumes or concludes one; the exit code."""
    stop_file = StopFile(default_stop_file())
    stop_file.refuse_start()
    target = load_target()
    console = report_console()
    with ExitStack() as stack:
        if options.resume is None:
            assert options.plan is not None
            loaded = load_plan(options.plan, target)
            # First: a port that is taken leaves no folder.
            listener: socket.socket | None = stack.enter_context(listen(options.port))
            folder = RunFolder.create(options.results, datetime.now(UTC))
            log = stack.enter_context(EventLog(folder.path / LOG))
            begin(log, loaded)
            _write_manifest(folder, ended=None)
        else:
            folder = RunFolder(options.resume)
            if not (folder.path / LOG).is_file():
                raise UsageError(f"{options.resume} holds no gameday ({LOG} is missing). Give its results folder.")
            events = read_events(folder.path / LOG)
            loaded = reopen(folder, events)
            with folder.locked(within_s=_TAKE_OVER_S):
                pass  # whoever had it is done
            told = folder.manifest()
            if _over(events) and "ended" in told:
                report = folder.path / "gameday.html"
                console.print(f"this gameday is over; its report is {report}", highlight=False, soft_wrap=True)
                return int(told.get("exit_code", ExitCode.PASSED))
            listener = None if options.conclude or _over(events) else stack.enter_context(_same_port(options, folder))
            folder = RunFolder.claim(folder.path)
            log = stack.enter_context(EventLog(folder.path / LOG))
        target.prepare(lambda text: console.print(text, highlight=False))
        board = board_of(loaded, target, log, folder)
        arms = RoundArms(loaded, target)
        interrupt = Interrupt()
        pulse = stack.enter_context(_pulse(loaded, target, folder, stop_file, interrupt, console))
        if listener is None:
            return asyncio.run(_only_conclude(folder, board, arms, log, target, console))
        return asyncio.run(_host(options, listener, folder, board, arms, log, target, console, interrupt, pulse))


def _over(events: Sequence[Event]) -> bool:
    """Whether the facilitator has ended it; its reports may still be missing."""
    return any(event["kind"] == "gameday.end" for event in events)


@contextmanager
def _pulse(
    loaded: LoadedPlan, target: Target, folder: RunFolder, stop_file: StopFile, interrupt: Interrupt, console: Console
) -> Iterator[Pulse]:
    """What stands around the rounds: the stop file, and for real processes the lock and the watchdog."""
    if loaded.plan.backend == "sim":
        yield Pulse(stop_file, interrupt)
        return
    with guarded_live_run(target, loaded.plan.backend, folder, stop_file, interrupt, console.print) as pulse:
        yield pulse


async def _only_conclude(
    folder: RunFolder, board: Board, arms: RoundArms, log: EventLog, target: Target, console: Console
) -> int:
    if not folder.journal.exists():  # else whoever was to conclude it came that far
        await Controls(arms.controls, folder, ControlCache(target.cache_folder(), target.fingerprint())).run()
    if not _over(log.events):
        log.append("gameday.end", {"by": None})
    return _finish(folder, board, arms, log, console)


def _finish(folder: RunFolder, board: Board, arms: RoundArms, log: EventLog, console: Console) -> int:
    code = conclude(folder, board, arms, log.events, console)
    (folder.path / KEYS).unlink(missing_ok=True)
    _write_manifest(folder, ended=int(code))
    folder.link_latest()
    return code


async def _host(
    options: GamedayOptions,
    listener: socket.socket,
    folder: RunFolder,
    board: Board,
    arms: RoundArms,
    log: EventLog,
    target: Target,
    console: Console,
    interrupt: Interrupt,
    pulse: Pulse,
) -> int:
    """The console answers until the facilitator has ended the gameday, and a while after."""
    keys = _keys(folder, listener.getsockname()[1])
    director = Director(board, arms, log, folder, pulse)
    leave = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in end_signals():
        loop.add_signal_handler(number, leave.set)
    interrupt.attach(leave.set)
    async with serving(create_app(director, keys, folder.path), listener):
        await director.start()
        cache = ControlCache(target.cache_folder(), target.fingerprint())
        controls = asyncio.create_task(Controls(arms.controls, folder, cache).run())
        _print_links(console, keys, folder)
        ended = await _either(director.concluded(), leave.wait())
        await director.close_player()
        if not ended:
            controls.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await controls
            director.close()
            why = f"stopped: {pulse.stopped}" if pulse.stopped else "left"
            console.print(
                f"{why}: every fault was reverted. Go on with\n"
                f"  pipequake gameday --resume {shlex.quote(str(folder.path))}\n"
                f"or write the report with `--resume ... --conclude`.",
                soft_wrap=True,
            )
            return ExitCode.INCONCLUSIVE
        for problem in await controls:
            console.print(f"error in {problem}", soft_wrap=True)
        code = await asyncio.to_thread(_finish, folder, board, arms, log, console)
        director.reported()
        await _either(asyncio.sleep(options.linger_s), leave.wait())
        director.close()
    return code


def _same_port(options: GamedayOptions, folder: RunFolder) -> socket.socket:
    """The links of a resumed gameday stay what they were, if their port is still free."""
    kept = Keys.read(folder.path / KEYS)
    return listen(options.port or (kept.port if kept is not None else 0))


def _keys(folder: RunFolder, port: int) -> Keys:
    kept = Keys.read(folder.path / KEYS)
    keys = Keys.make(port) if kept is None else Keys(kept.secret, port)
    keys.keep(folder.path / KEYS)
    return keys


def _print_links(console: Console, keys: Keys, folder: RunFolder) -> None:
    for seat, whom in ((Seat.FACILITATOR, "facilitator"), (Seat.PARTICIPANT, "participants")):
        link = f"http://127.0.0.1:{keys.port}/join?token={keys.token(seat)}"
        console.print(f"{whom + ':':14}{link}", highlight=False, soft_wrap=True)
    console.print(
        f"{'run:':14}{folder.path}\nCtrl-C reverts everything and leaves; the gameday can be resumed.", highlight=False
    )
    sys.stdout.flush()


async def _either(first: Coroutine[Any, Any, Any], second: Coroutine[Any, Any, Any]) -> bool:
    """Waits for one of two; whether the first has come."""
    tasks = [asyncio.create_task(first), asyncio.create_task(second)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    came = tasks[0].done()
    for task in tasks:
        task.cancel()
    return came


def _write_manifest(folder: RunFolder, *, ended: int | None) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    first = {
        "command": shlex.join(["pipequake", *sys.argv[1:]]),
        "paths": [],
        "version": version("pipequake"),
        "started": now,
        "gameday": True,
        "git": git_state(Path()),
    }
    kept = folder.manifest() or first
    folder.write_manifest(kept if ended is None else {**kept, "ended": now, "exit_code": ended, "interrupted": False})
