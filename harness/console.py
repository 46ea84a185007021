"""The console that reports and lists are printed on."""

from __future__ import annotations

from rich.console import Console

__all__ = ["report_console"]

#: Wide enough for a scorecard, where there is no terminal to ask.
_WIDTH = 110


def report_console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal, or wide enough for a scorecard where there is none."""
    console = Console(stderr=stderr, highlight=False)
    return console if console.is_terminal else Console(stderr=stderr, highlight=False, width=_WIDTH)
