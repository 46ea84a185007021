"""Where one arm plays in containers, and what is left of a deployment whose harness died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from harness.errors import HarnessError, TargetError
from harness.live.lifeline import Lifeline
from harness.targets.base import DESCRIPTION, Arm, Recorder
from harness.targets.reference.compose.compose_file import compose_command, compose_file
from harness.targets.reference.compose.driver import ComposeDriver
from harness.targets.reference.compose.engine import connect
from harness.targets.reference.compose.stack import Stack, check_images, clean_up
from harness.targets.reference.compose.stage import ComposeStage, store_client
from harness.targets.reference.layout import REPLICA, STORE
from harness.targets.reference.pipeline_log import PipelineLog
from reference_pipeline.data import prepare

__all__ = ["ComposeTheatre", "attach", "preflight"]

T = TypeVar("T")


class ComposeTheatre:
    """`harness.targets.base.Theatre`; a context manager. ``log`` is beside the arm's journal, as is the description."""

    def __init__(self, arm: Arm, log: Path) -> None:
        self._arm = arm
        self._log = PipelineLog(log.resolve())
        self._description = log.resolve().with_suffix(DESCRIPTION)
        self._stage: ComposeStage | None = None
        self._lifeline = Lifeline()

    def __enter__(self) -> Self:
        self._log.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log.__exit__(kind, error, trace)

    def now(self) -> float:
        """Seconds of the target's time since the start."""
        return 0.0 if self._stage is None else self._stage.now()

    def stage(self, recorder: Recorder) -> ComposeStage:
        """The deployment."""
        self._stage = ComposeStage(self._arm, recorder, prepare(), self._description, self._lifeline.cut)
        return self._stage

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine in the machine's time; whatever it deployed is removed at the end."""

        return asyncio.run(self._run(main))

    async def _run(self, main: Coroutine[Any, Any, T]) -> T:
        try:
            return await self._lifeline.hold(main)
        finally:
            if self._stage is not None:
                await self._stage.close()

    def branched(self, log: Path) -> None:
        """Containers cannot be forked."""
        raise TargetError("the backend compose runs each arm from its start")


class _StrandedStack:
    """`harness.targets.base.Stranded`."""

    def __init__(self, stack: Stack, driver: ComposeDriver) -> None:
        self._stack = stack
        self._driver = driver

    @property
    def driver(self) -> ComposeDriver:
        """Undoes what faults did."""
        return self._driver

    async def tear_down(self) -> list[str]:
        """Removes containers, networks and volumes; what is still there."""
        try:
            await asyncio.to_thread(self._stack.tear_down)
        except HarnessError as error:
            return [f"{error}. By hand: docker compose -p {self._stack.project} down --volumes"]
        return []


@asynccontextmanager
async def attach(description: Mapping[str, Any]) -> AsyncIterator[_StrandedStack]:
    """What a dead run left, by its description. Raises `TargetError` if the engine can't be reached."""
    stack = await asyncio.to_thread(Stack.attach, description)
    urls = stack.description.urls
    stores = {name: store_client(urls[name]) for name in (STORE, REPLICA) if name in urls}
    try:
        yield _StrandedStack(stack, ComposeDriver(stack, stores, None))
    finally:
        for store in stores.values():
            await store.aclose()


def preflight() -> None:
    """Raises `HarnessError` saying what this machine lacks; removes the deployments of runs that have ended."""
    compose_file()
    compose_command()
    client = connect()
    try:
        check_images(client)
        clean_up(client)
    finally:
        client.close()
