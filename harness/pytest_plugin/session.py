"""The part of the plugin that ``--chaos`` switches on: collects scenarios, runs experiments, sums them up."""

from __future__ import annotations

import io
import os
import shlex
import signal
import threading
from collections.abc import Generator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from rich.console import Console

from harness.commands.run import RunOptions
from harness.end_signals import end_signals
from harness.errors import HarnessError, UsageError
from harness.publish import kept_scorecard, publish
from harness.pytest_plugin.items import (
    ScenarioFile,
    ScenarioItem,
    is_scenario,
    properties_of,
    settle,
    with_marks,
)
from harness.pytest_plugin.judged import Experiment, story
from harness.pytest_plugin.laboratory import Laboratory, NoResult
from harness.pytest_plugin.options import ChaosOptions
from harness.pytest_plugin.wanted import Finder, Wanted, wanted_ids
from harness.run_description import describe
from harness.run_folder import RunFolder
from harness.scenario import Scenario
from harness.settings import MAX_SEED
from harness.targets import load_target
from harness.targets.base import SIMULATOR
from harness.verdict import ExitCode

__all__ = ["ChaosSession", "experiment_of"]

_PLUGIN = pytest.StashKey["ChaosSession"]()
_EXPERIMENT = pytest.StashKey[Experiment]()


class ChaosSession:
    """The plugin's hooks for one process of a test session."""

    def __init__(self, config: pytest.Config) -> None:
        config.stash[_PLUGIN] = self
        self._config = config
        self._target = load_target()
        self.options = ChaosOptions.of(config, self._target)
        self.finder = Finder(self.options.folders, self._target.facts(), self.options.backend)
        worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        self._is_worker = worker is not None
        folder = Path(worker["pipequake_run"]) if worker is not None else self.options.results / _run_name()
        self._laboratory = Laboratory(self._target, self._run_options(), folder)
        self._interrupted = False
        self._cut_short = False
        self._reported = False
        self._dirty: str | None = None

    def _run_options(self) -> RunOptions:
        return RunOptions(
            paths=(),
            backend=self.options.backend,
            profiles=self.options.profiles,
            only=(),
            seed=None,
            jobs=self.options.jobs,
            results=self.options.results,
            as_json=False,
            no_cache=False,
            check_determinism=False,
            repeats=1,
            shift_s=0.0,
            rates=None,
            verbose=False,
            time_scale=self.options.time_scale,
            load=None,
            reports=self.options.reports,
        )

    # -- what is to be run

    def under_each(self, scenario: Scenario, path: Path | None) -> list[Wanted]:
        """The scenario under each profile and seed of the session."""
        seeds: Sequence[int | None] = self.options.seeds or (None,)
        return [Wanted(scenario, profile, seed, path) for profile in self.options.profiles for seed in seeds]

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
        """Takes YAML files that are scenarios."""
        if not is_scenario(file_path, self.options.folders, named=parent.session.isinitpath(file_path)):
            return None
        file: ScenarioFile = ScenarioFile.from_parent(parent, path=file_path)
        file.chaos = self
        return file

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test that is marked with scenarios runs once for each of them, profile and seed."""
        mark = metafunc.definition.get_closest_marker("scenario")
        if "experiment" not in metafunc.fixturenames:
            if mark is not None:
                raise pytest.Collector.CollectError(_UNUSED.format(name=metafunc.function.__name__))
            return
        if mark is None or not mark.args:
            raise pytest.Collector.CollectError(_UNMARKED.format(name=metafunc.function.__name__))
        try:
            wanted = marked(mark, self.finder, self, metafunc.definition.path.parent)
        except HarnessError as error:
            raise pytest.Collector.CollectError(str(error)) from None
        params = [
            pytest.param(one, id=variant, marks=with_marks(metafunc.config, one.scenario))
            for one, variant in zip(wanted, wanted_ids(wanted), strict=True)
        ]
        metafunc.parametrize("experiment", params, indirect=True)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """What is left after every selection is run together."""
        try:
            self._laboratory.plan([wanted for item in session.items if (wanted := wanted_by(item)) is not None])
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None

    # -- running

    def experiment(self, wanted: Wanted, nodeid: str) -> Experiment:
        """What came of one experiment; waits for it. Without a result it ends the test's set-up in error."""
        finding, why = None, ""
        try:
            finding = self._laboratory.finding(wanted)
        except (NoResult, UsageError) as error:
            why = str(error)
        if finding is None:
            told = f"INCONCLUSIVE: {wanted.scenario.name} under {wanted.profile}\n  why       {why}"
            pytest.fail(told, pytrace=False)
        rerun = ["pytest", "--chaos", nodeid, "--chaos-profile", wanted.profile]
        if wanted.seed is not None:
            rerun += ["--chaos-seed", str(wanted.seed)]
        if self.options.backend != SIMULATOR:
            rerun += ["--chaos-backend", self.options.backend]
        folder = self._laboratory.folder
        return Experiment(finding, Path(os.path.relpath(folder, self._config.rootpath)), shlex.join(rerun))

    def pytest_sessionstart(self) -> None:
        """An end that was asked for by SIGTERM, or by closing the terminal, is as orderly as one by the keyboard."""
        if threading.current_thread() is threading.main_thread():
            for number in end_signals():
                if signal.getsignal(number) == signal.SIG_DFL:
                    signal.signal(number, _terminated)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A failing test of the user's own tells the experiment's story, too."""
        report = yield
        told = item.stash.get(_EXPERIMENT, None)
        if told is not None and report.failed and report.when == "call":
            report.sections.append(("the experiment", story(told)))
        return report

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tells an xdist worker where the session's experiments are."""
        node.workerinput["pipequake_run"] = str(self._laboratory.folder)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Nothing runs on when the session is over, and what was learnt is reported."""
        self._interrupted = exitstatus == pytest.ExitCode.INTERRUPTED
        stopped = self._cut_short = self._interrupted or bool(session.shouldfail or session.shouldstop)
        if stopped and not self._is_worker:
            self._laboratory.stop()
        self._laboratory.close(interrupt=stopped)
        self._dirty = self._laboratory.dirty()
        if self._dirty is not None:
            session.exitstatus = int(ExitCode.DIRTY)
        for number in end_signals():
            if signal.getsignal(number) == _terminated:
                signal.signal(number, signal.SIG_DFL)

    @pytest.hookimpl(tryfirst=True)
    def pytest_unconfigure(self) -> None:
        """Whatever happened: no thread is left, and what was learnt is reported, also if the terminal is gone."""
        self._laboratory.close(interrupt=True)
        with suppress(HarnessError):
            self._report()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Where the report is."""
        try:
            unrun = self._report()
        except HarnessError as error:
            terminalreporter.write_line(f"chaos: no report: {error}", red=True)
            return
        if unrun is None:
            return
        shown = os.path.relpath(self._laboratory.folder, self._config.invocation_params.dir)
        terminalreporter.write_sep("-", "chaos")
        if self._dirty is not None:
            terminalreporter.write_line(self._dirty, red=True)
        elif self._interrupted:
            terminalreporter.write_line("interrupted: every fault was reverted")
        if unrun:
            terminalreporter.write_line(unrun)
        terminalreporter.write_line(f"report: {shown}/report.html")

    def _report(self) -> str | None:
        """Writes the session's report, once: what of the plan never started, in a sentence; None if nothing was run."""
        folder = self._laboratory.folder
        if self._is_worker or self._reported or not folder.is_dir():
            return None
        self._reported = True
        self._laboratory.tidy()
        run = RunFolder(folder)
        if (folder / "arms").is_dir() and run.unmerged():
            run.merge_unmerged()
        if not run.journal.exists():
            return None
        if self._cut_short:
            run.write_manifest({**run.manifest(), "interrupted": True})
        publish(run, Console(file=io.StringIO()), as_json=False)
        run.link_latest()
        return describe(run).unrun_text(kept_scorecard(run))


_UNUSED = (
    "{name} is marked with a scenario, but does not take the fixture `experiment`, so that nothing would be checked. "
    "Write `def {name}(experiment): assert experiment.caught`."
)
_UNMARKED = (
    "{name} takes the fixture `experiment`, but is not marked with a scenario. "
    'Write `@pytest.mark.scenario("weather-nulls")` above it.'
)


def _run_name() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}-{os.getpid()}"


def _terminated(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


def marked(mark: pytest.Mark, finder: Finder, session: ChaosSession, beside: Path) -> list[Wanted]:
    """What a mark asks for. Raises `UsageError` or `ScenarioError`."""
    unknown = sorted(set(mark.kwargs) - {"profile", "seed"})
    if unknown:
        raise UsageError(f"the mark `scenario` takes profile and seed, not {unknown[0]!r}.")
    profiles = _listed(mark.kwargs.get("profile", session.options.profiles))
    seeds = _listed(mark.kwargs.get("seed", session.options.seeds or None))
    known = load_target().profiles
    for profile in profiles:
        if profile not in known:
            raise UsageError(f"unknown profile {profile!r}. Profiles: {', '.join(known)}.")
    for seed in seeds:
        if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= MAX_SEED):
            raise UsageError(f"the mark's seed: expected a whole number from 0 to {MAX_SEED}, got {seed!r:.40}.")
    found = [finder.find(asked, beside) for asked in mark.args]
    return [Wanted(scenario, profile, seed, path) for scenario, path in found for profile in profiles for seed in seeds]


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def wanted_by(item: pytest.Item) -> Wanted | None:
    """The experiment that an item will ask for."""
    if isinstance(item, ScenarioItem):
        return item.wanted
    callspec = getattr(item, "callspec", None)
    wanted = None if callspec is None else callspec.params.get("experiment")
    return wanted if isinstance(wanted, Wanted) else None


def experiment_of(request: pytest.FixtureRequest) -> Experiment:
    """The value of the fixture ``experiment``."""
    session = request.config.stash[_PLUGIN]
    experiment = session.experiment(request.param, request.node.nodeid)
    request.node.user_properties.extend(properties_of(experiment))
    request.node.stash[_EXPERIMENT] = experiment
    settle(experiment)
    return experiment
