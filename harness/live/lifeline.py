"""What an arm on a live backend hangs by: when something that it can't do without is gone, the arm ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from harness.errors import TargetError

__all__ = ["Lifeline"]

T = TypeVar("T")


class Lifeline:
    """Runs an arm until it ends, or until `cut`; only the first reason counts.

    >>> line = Lifeline()
    >>> async def arm() -> None:
    ...     line.cut("the store is gone")
    ...     await asyncio.sleep(60)
    >>> asyncio.run(line.hold(arm()))
    Traceback (most recent call last):
    ...
    harness.errors.TargetError: the store is gone
    """

    def __init__(self) -> None:
        self._main: asyncio.Task[Any] | None = None
        self._lost: str | None = None

    async def hold(self, main: Coroutine[Any, Any, T]) -> T:
        """Waits for the arm; what it returned. Raises what it failed with, or `TargetError` if it was cut."""
        self._main = task = asyncio.ensure_future(main)
        await asyncio.wait({task})
        if self._lost is not None:
            if not task.cancelled():
                task.exception()  # what it failed with then is a consequence
            raise TargetError(self._lost)
        return task.result()

    def cut(self, why: str) -> None:
        """Something that the arm can't do without is gone: what was applied is reverted, and the arm ends."""
        if self._lost is None:
            self._lost = why
            if self._main is not None:
                self._main.cancel()
