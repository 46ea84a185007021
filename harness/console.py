"""The console that reports and lists are printed on."""

from __future__ import annotations

from rich.console import Console

__all__ = ["report_console"]

#: Wide enough for a scorecard, where there is no terminal to ask.
_WIDTH = 110
#: Below this tables lose columns; a narrower terminal breaks the lines instead.
_LEAST = 80


def report_console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal, but wide enough for a table; or for a scorecard where there is none."""
    console = Console(stderr=stderr, highlight=False)
    if console.is_terminal and console.width >= _LEAST:
        return console
    return Console(stderr=stderr, highlight=False, width=_LEAST if console.is_terminal else _WIDTH)
