"""A bounded log that another service follows: it asks for what came after the last entry that it saw."""

from __future__ import annotations

from collections import deque
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request


class TailLog:
    """The newest ``kept`` entries, each a list that begins with its number.

    Numbers only grow. The first one comes from the clock (microseconds since 1970), so that they go on growing when a
    service has lost its memory in a restart: a follower needs no special case, and misses only what was lost.

    >>> log = TailLog(1000.0, kept=2)
    >>> log.append("a"), log.append("b"), log.append("c")
    (1000000000, 1000000001, 1000000002)
    >>> log.after(1000000001), log.after(0)
    ([[1000000002, 'c']], [[1000000001, 'b'], [1000000002, 'c']])
    """

    def __init__(self, started_at: float, *, kept: int) -> None:
        self._next = int(started_at * 1_000_000)
        self._entries: deque[list[Any]] = deque(maxlen=kept)

    def append(self, *fields: Any) -> int:
        """Adds an entry; its number."""
        number = self._next
        self._entries.append([number, *fields])
        self._next += 1
        return number

    def after(self, number: int) -> list[list[Any]]:
        """Entries with a higher number, oldest first."""
        newest_first: list[list[Any]] = []
        for entry in reversed(self._entries):
            if entry[0] <= number:
                break
            newest_first.append(entry)
        return newest_first[::-1]


def asked_after(request: Request) -> int:
    """The number in ``?after=``, 0 without one; 400 for anything but an integer."""
    text = request.query_params.get("after", "0")
    try:
        return int(text)
    except ValueError:
        raise HTTPException(400, f"after: expected the number of an entry, got {text[:40]!r}") from None
