"""Did-you-mean: the nearest name, or the names that exist."""

from __future__ import annotations

from collections.abc import Iterable

from chaos.spelling import nearest

__all__ = ["suggestion"]

#: More names than this are not listed: they would not help.
_LISTED = 16


def suggestion(wrong: object, known: Iterable[str], *, otherwise: str = "") -> str:
    """The sentence that follows a wrong name: its nearest neighbour, or what exists, or ``otherwise``.

    >>> suggestion("tmp", ["temp", "dewp"]), suggestion("x", ["temp", "dewp"])
    ("Did you mean 'temp'?", 'Write one of: dewp, temp.')
    """
    names = sorted(known)
    near = nearest(wrong, names) if isinstance(wrong, str) else None
    if near is not None:
        return f"Did you mean {near!r}?"
    if names and len(names) <= _LISTED:
        return f"Write one of: {', '.join(names)}."
    return otherwise or f"There are {len(names)} to choose from."
