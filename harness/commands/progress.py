"""Progress on a terminal: a bar that goes away, or plain lines where there is no terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from harness.workers import Done

__all__ = ["Follower", "Progress"]


class Follower(Protocol):
    """Who is told how a run gets on."""

    def note(self, text: str) -> None:
        """What is being done now."""
        ...

    def begin(self, total: int) -> None:
        """So many arms will be run."""
        ...

    def ended(self, done: Done) -> None:
        """One arm has ended."""
        ...


class Progress:
    """A context manager; notes and arms that end are shown on the console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=console.stderr),  # as wide as the terminal: a bar that is broken stays on it
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("preparing", total=None)

    def note(self, text: str) -> None:
        """What is being done now."""
        if self._console.is_terminal:
            self._bar.update(self._task, description=text)
        else:
            self._console.print(text)

    def begin(self, total: int) -> None:
        """So many arms will be run."""
        self._bar.reset(self._task, total=total, description=f"running {total} arms")

    def ended(self, done: Done) -> None:
        """One arm has ended."""
        self._bar.update(self._task, advance=1, description=done.arm_id)

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)
