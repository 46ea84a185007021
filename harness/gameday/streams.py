"""Server-sent events: one stream for each seat, with numbers of its own, so that nobody can count what is hidden."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

__all__ = ["Stream", "TooMany", "frame"]

#: Messages that a browser which lost its connection may have missed and still gets one by one.
_KEPT = 4000
#: Messages that may wait for a slow browser; it is then cut off, and comes back.
_QUEUED = 1000
#: Open connections of all browsers of one seat.
MAX_LISTENERS = 100

Snapshot = Callable[[], Mapping[str, Any]]


class TooMany(Exception):
    """There are as many open connections as are allowed."""


class Stream:
    """Messages for one seat. Each has an id ``boot-number``; ``boot`` tells one process of the console from another.

    A browser that comes back with the id of the last message that it has gets those after it, or, if they are not
    kept any more, a snapshot of everything.
    """

    def __init__(self, boot: str, snapshot: Snapshot) -> None:
        self._boot = boot
        self._snapshot = snapshot
        self._number = 0
        self._kept: deque[tuple[int, str]] = deque(maxlen=_KEPT)
        self._queues: set[asyncio.Queue[str | None]] = set()
        self._closed = False

    @property
    def listeners(self) -> int:
        """Open connections."""
        return len(self._queues)

    def publish(self, event: str, data: Mapping[str, Any]) -> None:
        """A message that must not be lost."""
        self._number += 1
        text = frame(event, data, f"{self._boot}-{self._number}")
        self._kept.append((self._number, text))
        self._put(text)

    def beat(self, data: Mapping[str, Any]) -> None:
        """How things stand now: only the latest counts."""
        self._put(frame("beat", data))

    def close(self) -> None:
        """Ends every connection."""
        self._closed = True
        self._put(None)

    async def listen(self, last_id: str) -> AsyncIterator[str]:
        """The messages from where a browser left off. Raises `TooMany`."""
        if len(self._queues) >= MAX_LISTENERS:
            raise TooMany
        queue: asyncio.Queue[str | None] = asyncio.Queue(_QUEUED)
        missed = self._missed(last_id)
        self._queues.add(queue)
        try:
            for text in missed:
                yield text
            while not self._closed:
                following = await queue.get()
                if following is None:
                    return
                yield following
        finally:
            self._queues.discard(queue)

    def _missed(self, last_id: str) -> list[str]:
        boot, _, number = last_id.rpartition("-")
        if boot == self._boot and number.isascii() and number.isdigit():
            last = int(number[:18])
            oldest = self._kept[0][0] if self._kept else self._number + 1
            if oldest <= last + 1 and last <= self._number:
                return [text for at, text in self._kept if at > last]
        return [frame("snapshot", self._snapshot(), f"{self._boot}-{self._number}")]

    def _put(self, text: str | None) -> None:
        for queue in list(self._queues):
            try:
                queue.put_nowait(text)
            except asyncio.QueueFull:
                self._queues.discard(queue)
                while not queue.empty():
                    queue.get_nowait()
                queue.put_nowait(None)


def frame(event: str, data: Mapping[str, Any], message_id: str | None = None) -> str:
    """One event as it goes over the wire.

    >>> frame("beat", {"t": 1}, "b-7")
    'id: b-7\\nevent: beat\\ndata: {"t":1}\\n\\n'
    """
    head = "" if message_id is None else f"id: {message_id}\n"
    return f"{head}event: {event}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"
