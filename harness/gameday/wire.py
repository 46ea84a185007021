"""JSON lines over a pair of pipes: how the console and the process in which the pipeline runs talk to each other."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Mapping
from typing import Any

__all__ = ["Message", "Wire"]

Message = dict[str, Any]

_CHUNK = 1 << 16


class Wire:
    """The process's end. ``closed`` is True once the console is gone: then nothing more comes, and nothing arrives."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._rest = b""
        self.closed = False

    def fileno(self) -> int:
        """What to wait on for commands."""
        return self._incoming

    def send(self, message: Mapping[str, Any]) -> None:
        """Sends a message; waits if the console is busy."""
        data = memoryview(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        try:
            while data and not self.closed:
                data = data[os.write(self._outgoing, data) :]
        except BrokenPipeError:
            self.closed = True

    def receive(self, wait_s: float | None) -> list[Message]:
        """The messages that have come, waiting up to ``wait_s`` real seconds for the first; None: for ever."""
        if self.closed:
            return []
        ready, _, _ = select.select([self._incoming], [], [], wait_s)
        if not ready:
            return []
        data = os.read(self._incoming, _CHUNK)
        if not data:
            self.closed = True
            return []
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]
