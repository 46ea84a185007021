"""A command too long for a line, broken so that a shell still takes what is copied as one."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

__all__ = ["broken"]


def broken(command: str, width: int) -> str:
    r"""The command on lines of at most ``width`` characters, longer words apart; all but the last end in a backslash.

    An option stays with its value, and nothing within quotes is broken. What `shlex.join` wouldn't have written stays
    as it is.

    >>> print(broken("pipequake run 'my file.yaml' --only one --seed 1", 30))
    pipequake run 'my file.yaml' \
    --only one --seed 1
    """
    words = _words(command)
    if words is None:
        return command
    lines = [""]
    for piece in _pieces(words):
        whole = f"{lines[-1]} {piece}".lstrip()
        if lines[-1] and len(whole) > width - 2:  # room for the backslash
            lines.append(piece)
        else:
            lines[-1] = whole
    if len(lines) > 1 and len(f"{lines[-2]} {lines[-1]}") <= width:
        lines[-2:] = [f"{lines[-2]} {lines[-1]}"]  # the last line needs none
    return " \\\n".join(lines)


def _words(command: str) -> list[str] | None:
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    return words if shlex.join(words) == command else None


def _pieces(words: Sequence[str]) -> Iterator[str]:
    """Quoted words, an option together with its value."""
    option = ""
    for word in map(shlex.quote, words):
        if word.startswith("--"):
            if option:
                yield option
            option = word
        elif option:
            yield f"{option} {word}"
            option = ""
        else:
            yield word
    if option:
        yield option
