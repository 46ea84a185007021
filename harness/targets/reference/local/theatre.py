"""Where one local arm plays: an event loop, a folder for its volumes, a folder for its logs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from harness.errors import TargetError
from harness.live.description import Description
from harness.live.lifeline import Lifeline
from harness.targets.base import DESCRIPTION, Arm, Recorder
from harness.targets.reference.local.stage import LocalStage
from harness.targets.reference.pipeline_log import PipelineLog
from harness.temporary import new_folder
from reference_pipeline.data import prepare

__all__ = ["LocalTheatre"]

T = TypeVar("T")


class LocalTheatre:
    """`harness.targets.base.Theatre`; a context manager. ``log`` names the logs: ``<log>s/<process>.log``."""

    def __init__(self, arm: Arm, log: Path) -> None:
        self._arm = arm
        self._log = log.resolve()
        self._description = Description(self._log.with_suffix(DESCRIPTION), backend=arm.backend)
        self._stage: LocalStage | None = None
        self._lifeline = Lifeline()

    def __enter__(self) -> Self:
        self._pipeline_log = PipelineLog(self._log)
        self._pipeline_log.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipeline_log.__exit__(kind, error, trace)

    def now(self) -> float:
        """Seconds of the replay since its start."""
        return 0.0 if self._stage is None else self._stage.now()

    def stage(self, recorder: Recorder) -> LocalStage:
        """The deployment. From here on a crash may leave something, and the description says what."""
        self._description.update(arm=self._arm.arm_id, profile=self._arm.profile)
        logs = self._log.with_suffix(".logs")
        logs.mkdir(parents=True, exist_ok=True)
        folder = new_folder()
        self._description.update(volumes=str(folder))
        self._stage = LocalStage(
            self._arm,
            recorder,
            prepare(),
            folder=folder,
            logs=logs,
            description=self._description,
            on_lost=self._lifeline.cut,
        )
        return self._stage

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine in real time, and tears everything down after it, whatever became of it."""
        return asyncio.run(self._run(main))

    async def _run(self, main: Coroutine[Any, Any, T]) -> T:
        assert self._stage is not None
        try:
            return await self._lifeline.hold(main)
        finally:
            await self._stage.strike()
            self._description.remove()

    def branched(self, log: Path) -> None:
        """Never: real processes can't be forked with their sockets."""
        raise TargetError("an arm on real processes cannot branch")
