"""What people did and when, on disk before it counts: an append-only file of JSON lines, each one fsynced.

Beside the run's journal, which knows nothing of people and of wall time, this is what a gameday is resumed from.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.errors import UsageError

__all__ = ["Event", "EventLog", "LogError", "read_events"]

#: Has ``seq`` (from 1), ``at`` (UTC, ISO) and ``kind``.
Event = dict[str, Any]


class LogError(UsageError):
    """The log can't be written: what was to be recorded did not happen."""


class EventLog:
    """Appends to ``gameday.jsonl``; a context manager. A line that a crash or a full disk cut short is removed."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.path = path
        self._clock = clock
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            self.events, whole = _read(path)
            os.ftruncate(self._file, whole)
        except OSError as error:
            raise _unwritable(path, error) from None
        self._size = whole

    def append(self, kind: str, fields: Mapping[str, Any]) -> Event:
        """Writes an event; it is on disk when this returns. Raises `LogError`, and then nothing was written."""
        event = {
            "seq": len(self.events) + 1,
            "at": self._clock().isoformat(timespec="milliseconds"),
            "kind": kind,
            **fields,
        }
        line = json.dumps(event, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        try:
            if os.write(self._file, line) != len(line):
                raise OSError(28, os.strerror(28))
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, self._size)
            raise _unwritable(self.path, error) from None
        self._size += len(line)
        self.events.append(event)
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)


def read_events(path: Path) -> list[Event]:
    """The events of a log. Raises `UsageError` if it is damaged other than by a line cut short at the end."""
    try:
        return _read(path)[0]
    except OSError as error:
        raise UsageError(f"{path} can't be read ({error.strerror or error}). Give the folder of a gameday.") from None


def _read(path: Path) -> tuple[list[Event], int]:
    """The whole lines, and how many bytes they are."""
    events: list[Event] = []
    size = 0
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
        if not line.endswith(b"\n"):
            break
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict) or event.get("seq") != number or "kind" not in event or "at" not in event:
            raise UsageError(f"{path}:{number}: not an event of a gameday. Restore the file from a copy.")
        events.append(event)
        size += len(line)
    return events, size


def _unwritable(path: Path, error: OSError) -> LogError:
    reason = (error.strerror or str(error)).lower()
    return LogError(f"{path} can't be written ({reason}): nothing was recorded. Free some space, then try again.")
