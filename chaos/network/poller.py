"""Readiness of many descriptors behind one: epoll where there is one, else what `selectors` knows (kqueue)."""

from __future__ import annotations

import select
import selectors
from typing import Protocol

#: What to wait for, and what may happen besides: epoll's own numbers.
IN, OUT, ERROR, HANG_UP = 0x001, 0x004, 0x008, 0x010


class Poller(Protocol):
    """The part of `select.epoll` that is used here."""

    def fileno(self) -> int:
        """A descriptor that is readable while any registered one is ready."""

    def register(self, fd: int, events: int) -> None:
        """Begin to watch a descriptor."""

    def modify(self, fd: int, events: int) -> None:
        """Wait for something else."""

    def unregister(self, fd: int) -> None:
        """No longer watch it."""

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        """(descriptor, events) of those that are ready within ``timeout`` seconds, at most so many."""

    def close(self) -> None:
        """Let it go."""


class SelectorPoller:
    """A `Poller` over `selectors`. It does not report errors of descriptors that wait for nothing."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._waiting: set[int] = set()  # never iterated

    def fileno(self) -> int:
        number: int = self._selector.fileno()  # type: ignore[attr-defined]  # of all but select() and poll()
        return number

    def register(self, fd: int, events: int) -> None:
        self.modify(fd, events)

    def modify(self, fd: int, events: int) -> None:
        wanted = (selectors.EVENT_READ if events & IN else 0) | (selectors.EVENT_WRITE if events & OUT else 0)
        if not wanted:
            self.unregister(fd)
        elif fd in self._waiting:
            self._selector.modify(fd, wanted)
        else:
            self._selector.register(fd, wanted)
            self._waiting.add(fd)

    def unregister(self, fd: int) -> None:
        if fd in self._waiting:
            self._waiting.discard(fd)
            self._selector.unregister(fd)

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        ready = self._selector.select(timeout)[:most]
        return [
            (key.fd, (IN if events & selectors.EVENT_READ else 0) | (OUT if events & selectors.EVENT_WRITE else 0))
            for key, events in ready
        ]

    def close(self) -> None:
        self._selector.close()


def make_poller() -> Poller:
    """The best that this system has."""
    return select.epoll() if hasattr(select, "epoll") else SelectorPoller(selectors.DefaultSelector())
