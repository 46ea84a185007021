"""``pipequake run``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from itertools import zip_longest
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from harness.commands.costs import cost_lines, cost_text
from harness.commands.pace import Pace
from harness.commands.progress import Follower, Progress
from harness.commands.rates import load_rates
from harness.console import report_console
from harness.control_cache import ControlCache
from harness.errors import DiskFull, UsageError
from harness.experiment import grow, plan_arms, shift_of
from harness.git_state import git_state
from harness.journal import read_journal
from harness.library import load_scenarios, require_backend
from harness.publish import publish
from harness.report_files import DEFAULT
from harness.run_description import planned_experiments
from harness.run_folder import RunFolder
from harness.safety.guard import Pulse, guarded_live_run
from harness.safety.stop_file import StopFile, default_stop_file
from harness.scenario import Scenario
from harness.scenario.durations import format_duration
from harness.scenario.model import MAX_RUN_S
from harness.scenario.suggest import suggestion
from harness.scoring import Rates
from harness.settings import find_settings
from harness.targets import load_target
from harness.targets.base import HARNESS_LOAD, LOCUST_LOAD, SIMULATOR, Arm, Interrupt, Target
from harness.verdict import ExitCode
from harness.workers import Done, on_signals, run_arms, run_trunks

__all__ = ["RunOptions", "check_run", "guarded", "run_command", "run_into", "run_options", "time_scale_of"]

DEFAULT_PROFILES = ("mature",)
#: Outside of the simulator: how many replayed seconds pass in a real one, and how many arms run at the same time.
LIVE_TIME_SCALE = 120.0
LIVE_JOBS = 3


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line says."""

    paths: tuple[Path, ...]
    backend: str
    profiles: tuple[str, ...]
    only: tuple[str, ...]
    seed: int | None
    jobs: int | None
    time_scale: float | None
    load: str | None
    results: Path
    as_json: bool
    no_cache: bool
    check_determinism: bool
    repeats: int
    shift_s: float
    rates: Path | None
    verbose: bool
    reports: tuple[str, ...] = DEFAULT
    """Forms of the report that are written besides JSON."""


def run_command(options: RunOptions) -> int:
    """Runs the scenarios; the exit code."""
    stop_file = StopFile(default_stop_file())
    stop_file.refuse_start()
    target = load_target()
    scenarios, arms, rates = _planned(options, target, _say)
    target.preflight(options.backend)
    folder = RunFolder.create(options.results, datetime.now(UTC))
    console = report_console(stderr=options.as_json)
    manifest: dict[str, Any] = {
        "command": shlex.join(["pipequake", *sys.argv[1:]]),
        "paths": [str(path) for path in options.paths],
        "backend": options.backend,
        "time_scale": time_scale_of(options),
        "load": options.load or HARNESS_LOAD,
        "reports": list(options.reports),
        "planned": planned_experiments(arms),
        "version": version("pipequake"),
        "rates": None if rates is None else rates.model_dump(mode="json"),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "git": git_state(Path()),
    }
    folder.write_manifest(manifest)
    interrupt = Interrupt()
    with on_signals(interrupt.request):  # from beginning to end: what was learnt is always reported
        with Progress(console) as progress:
            target.prepare(progress.note)
            manifest["later_s"] = {arm.arm_id: shift for arm in arms if (shift := shift_of(arm, scenarios))}
            folder.write_manifest(manifest)
            with guarded(target, options.backend, folder, stop_file, interrupt, progress.note) as pulse:
                done = run_into(folder, arms, target, options, progress, interrupt, pulse)
            if options.check_determinism and not interrupt.requested:
                _compare_with_second_run(folder, arms, target, options, progress, interrupt, pulse)
        return _conclude(folder, console, options, manifest, arms, done, interrupt, pulse.stopped)


def guarded(
    target: Target,
    backend: str,
    folder: RunFolder,
    stop_file: StopFile,
    interrupt: Interrupt,
    say: Callable[[str], None],
) -> AbstractContextManager[Pulse]:
    """What must stand around the arms of a run: outside of the simulator also the target's lock and a watchdog."""
    if backend == SIMULATOR:
        return nullcontext(Pulse(stop_file, interrupt))
    return guarded_live_run(target, backend, folder, stop_file, interrupt, say)


def run_options(given: Mapping[str, Any]) -> RunOptions:
    """The options of the command line, and the configuration for those that were not given.

    Raises `SettingsError` for a configuration that says what can't be, as a profile that there is not.
    """
    settings, target = find_settings(), load_target()
    checks = [("profile", partial(target.check_profile, name)) for name in settings.profile if not given["profiles"]]
    if settings.backend is not None and given["backend"] is None:
        checks.append(("backend", partial(require_backend, settings.backend, target)))
    for key, check in checks:
        try:
            check()
        except UsageError as error:
            raise settings.error(key, str(error)) from None
    return RunOptions(**settings.over(given))


def check_run(options: RunOptions) -> None:
    """Raises `HarnessError` for what can be known to keep a run from starting, whatever the machine it starts on."""
    _planned(options, load_target(), lambda text: None)


def _planned(
    options: RunOptions, target: Target, say: Callable[[str], None]
) -> tuple[list[Scenario], list[Arm], Rates | None]:
    _check(options, target)
    scenarios = chosen(load_scenarios(options.paths, backend=options.backend, say=say), options.only)
    arms = _plan(options, target, scenarios)
    _check_span(arms, target)
    return scenarios, arms, None if options.rates is None else load_rates(options.rates)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _conclude(
    folder: RunFolder,
    console: Console,
    options: RunOptions,
    manifest: Mapping[str, Any],
    arms: Sequence[Arm],
    done: Sequence[Done],
    interrupt: Interrupt,
    stopped: str | None,
) -> int:
    """Reports what came of the arms; the exit code."""
    interrupted = interrupt.requested  # a signal from now on finds nothing to interrupt
    try:
        folder.write_manifest({**manifest, "interrupted": interrupted})  # its verdict and its rows say so, too
        code = publish(folder, console, as_json=options.as_json)
    except DiskFull:
        _tell_errors(console, done)
        raise
    pace = None if options.backend == SIMULATOR else Pace.of(read_journal(folder.journal))
    if pace is not None:
        console.print(pace.text(), style="bold yellow" if pace.too_fast else "dim")
    console.print(cost_text(arms, done), style="dim", highlight=False)
    if options.verbose:
        for line in cost_lines(arms, done):
            console.print(line, highlight=False)
    _tell_errors(console, done)
    if interrupted:
        console.print(
            f"{f'stopped: {stopped}' if stopped else 'interrupted'}: every fault was reverted; "
            f"{len(done)} of {len(arms)} arms ended. Journal: {folder.journal}",
            soft_wrap=True,
        )
    if any(d.reason == "dirty" for d in done):
        code = ExitCode.DIRTY
    ended = {
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        "exit_code": int(code),
        "interrupted": interrupted,
    }
    folder.write_manifest({**manifest, **ended})
    folder.link_latest()
    return code


def _tell_errors(console: Console, done: Sequence[Done]) -> None:
    for failed in (d for d in done if d.error):
        console.print(Text.assemble(("error", "bold red"), f" in {failed.arm_id}: {failed.error}"), soft_wrap=True)


def run_into(
    folder: RunFolder,
    arms: Sequence[Arm],
    target: Target,
    options: RunOptions,
    progress: Follower,
    interrupt: Interrupt,
    pulse: Pulse,
) -> list[Done]:
    """Runs the arms into a folder and merges their journals; what became of each."""
    if options.backend != SIMULATOR:
        return _run_live(folder, arms, options, progress, interrupt, pulse)
    cache = _cache(target)
    controls = {arm.arm_id: arm for arm in arms if arm.scenario is None}
    kept = [
        arm_id
        for arm_id, arm in controls.items()
        if not options.no_cache and cache.fetch(arm, folder.arm_journal(arm_id))
    ]
    done = [Done(arm_id, "horizon") for arm_id in kept]
    progress.begin(len(arms) - len(kept))

    def ended(one: Done) -> None:
        done.append(one)
        if one.arm_id in controls and one.reason == "horizon":
            cache.keep(controls[one.arm_id], folder.arm_journal(one.arm_id))
        progress.ended(one)

    run_trunks(grow(arms, folder.arm_journal, kept), options.jobs or 1, ended, interrupt, pulse)
    folder.merge([arm.arm_id for arm in arms])
    return done


def _run_live(
    folder: RunFolder, arms: Sequence[Arm], options: RunOptions, progress: Follower, interrupt: Interrupt, pulse: Pulse
) -> list[Done]:
    """Every arm for itself, and none of them kept: no run of real processes is like another."""
    done: list[Done] = []
    progress.begin(len(arms))

    def ended(one: Done) -> None:
        done.append(one)
        progress.ended(one)

    jobs = [(arm, folder.arm_journal(arm.arm_id)) for arm in arms]
    run_arms(jobs, options.jobs or LIVE_JOBS, ended, interrupt, pulse)
    pulse.take_back()
    folder.merge([arm.arm_id for arm in arms])
    return done


def _compare_with_second_run(
    folder: RunFolder,
    arms: Sequence[Arm],
    target: Target,
    options: RunOptions,
    progress: Progress,
    interrupt: Interrupt,
    pulse: Pulse,
) -> None:
    """Runs everything again, without kept controls; raises `UsageError` naming the first event that differs."""
    import tempfile
    from dataclasses import replace

    with tempfile.TemporaryDirectory() as scratch:
        again = RunFolder.create(Path(scratch), datetime.now(UTC))
        progress.note("running everything a second time")
        run_into(again, arms, target, replace(options, no_cache=True), progress, interrupt, pulse)
        if interrupt.requested:
            return
        with folder.journal.open() as first, again.journal.open() as second:
            for number, (one, other) in enumerate(zip_longest(first, second, fillvalue=""), start=1):
                if one != other:
                    raise NotDeterministic(
                        f"not deterministic: line {number} of the journal differs.\n"
                        f"  first run:  {one.strip()[:300] or '(ended)'}\n"
                        f"  second run: {other.strip()[:300] or '(ended)'}"
                    )
    progress.note("deterministic: both journals are the same to the byte")


class NotDeterministic(UsageError):
    """The same seed gave two journals."""

    exit_code = ExitCode.INTERNAL


def _plan(options: RunOptions, target: Target, scenarios: Sequence[Scenario]) -> list[Arm]:
    return plan_arms(
        scenarios,
        options.profiles or DEFAULT_PROFILES,
        backend=options.backend,
        default_start=target.default_start(),
        seed=options.seed,
        repeats=options.repeats,
        shift_s=options.shift_s,
        time_scale=time_scale_of(options),
        load=options.load or HARNESS_LOAD,
    )


def time_scale_of(options: RunOptions) -> float:
    """How many replayed seconds pass in a real one."""
    if options.backend == SIMULATOR:
        return 1.0
    return options.time_scale or LIVE_TIME_SCALE


def chosen(scenarios: Sequence[Scenario], only: Sequence[str]) -> list[Scenario]:
    """The scenarios whose name matches one of the patterns; all without a pattern. Raises `UsageError` for none."""
    if not only:
        return list(scenarios)
    for pattern in only:
        if not any(fnmatchcase(scenario.name, pattern) for scenario in scenarios):
            names = [scenario.name for scenario in scenarios]
            meant = suggestion(pattern, names, otherwise="`pipequake scenarios` lists them.")
            raise UsageError(f"no scenario is called {pattern!r}. {meant}")
    return [scenario for scenario in scenarios if any(fnmatchcase(scenario.name, pattern) for pattern in only)]


def _check(options: RunOptions, target: Target) -> None:
    require_backend(options.backend, target)
    if options.backend == SIMULATOR and options.time_scale is not None:
        raise UsageError("the simulator's time has no scale: it takes as long as it takes. Leave out --time-scale.")
    if options.load == LOCUST_LOAD:
        _check_locust(options.backend)
    if options.backend != SIMULATOR and options.check_determinism:
        raise UsageError("real processes never do the same twice. Use --check-determinism with the simulator.")
    for profile in options.profiles:
        target.check_profile(profile)


def _check_span(arms: Sequence[Arm], target: Target) -> None:
    """Raises `UsageError` for arms that end after what can be replayed, or last too long, since they begin later."""
    span = target.facts().replay
    for arm in arms:
        end = arm.start + timedelta(seconds=arm.end_s)
        if arm.end_s > MAX_RUN_S:
            why = f"it would last {format_duration(arm.end_s)}, and {format_duration(MAX_RUN_S)} are allowed"
        elif span is not None and end > span[1]:
            why = f"it would end at {end:%Y-%m-%dT%H:%M}, after the last data ({span[1]:%Y-%m-%dT%H:%M})"
        else:
            continue
        raise UsageError(f"{arm.arm_id}: {why}. Give a smaller --later, or start the scenario earlier.")


def _check_locust(backend: str) -> None:
    if backend == SIMULATOR:
        raise UsageError("the simulator has no sockets for Locust to use. Leave out --load, or use --backend local.")
    if find_spec("locust") is None:
        raise UsageError("--load locust needs Locust: pip install 'pipequake[load]'")


def _cache(target: Target) -> ControlCache:
    return ControlCache(target.cache_folder(), target.fingerprint())
