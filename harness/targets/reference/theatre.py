"""Where one arm of the reference pipeline plays: a simulated world, a folder for its volumes, a file for its log."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from harness.run_folder import SHARED
from harness.sim import World
from harness.targets.base import Arm, Pace, Recorder
from harness.targets.reference.pipeline_log import PipelineLog
from harness.targets.reference.scratch import Scratch
from harness.targets.reference.simulated import SimulatedStage
from reference_pipeline.data import prepare
from reference_pipeline.training.history import prepare_examples

__all__ = ["SimulatedTheatre"]

T = TypeVar("T")


class SimulatedTheatre:
    """`harness.targets.base.Theatre`; a context manager."""

    def __init__(self, arm: Arm, log: Path) -> None:
        self._arm = arm
        self._world = World(epoch=arm.start.timestamp(), seed=arm.seed)
        self._scratch = Scratch()
        self._log = PipelineLog(log.resolve())
        self._shared = log.resolve().with_name(SHARED)

    def __enter__(self) -> Self:
        self._scratch.__enter__()
        self._log.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.__exit__(kind, error, trace)
        self._scratch.__exit__(kind, error, trace)

    def now(self) -> float:
        """Virtual seconds since the start."""
        return self._world.loop.time()

    def stage(self, recorder: Recorder) -> SimulatedStage:
        """The deployment, whose volumes lie in the current directory."""
        prepared = prepare()
        examples = prepare_examples(prepared)
        return SimulatedStage(self._arm, self._world, recorder, prepared, examples, Path(), self._shared)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine in virtual time."""
        result: T = self._world.run(main)
        return result

    def keep_pace(self, pace: Pace) -> None:
        """Time passes as ``pace`` says; see `harness.targets.base.OwnTime`."""
        self._world.loop.pace = pace

    def branched(self, log: Path) -> None:
        """In a forked process: the world goes on, in a copy of the folder and with another log."""
        self._world.forked()
        self._scratch.branch()
        self._log.go_on_in(log)
