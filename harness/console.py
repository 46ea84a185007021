"""The console that reports and lists are printed on."""

from __future__ import annotations

from rich.console import Console

__all__ = ["report_console"]

#: Wide enough for a scorecard, where there is no terminal to ask.
_WIDTH = 110
#: Below this tables lose columns; a narrower terminal breaks the lines instead.
_LEAST = 80


def report_console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal, but wide enough for a table; or for a scorecard where there is none.

    What is in brackets or between colons is text: names and paths are users' own, and ``runs[a]`` is a folder.
    """
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal or console.width < _LEAST:
        console.width = _LEAST if console.is_terminal else _WIDTH
    return console
