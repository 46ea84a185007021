"""One run per target: a lock that ends with its owner, and remembers which run may have left something behind."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from harness.errors import UsageError
from harness.safety.identity import ProcessIdentity

__all__ = ["TargetLock"]


class TargetLock:
    """Held by the one process that may do something to a target; a context manager.

    The kernel's lock on the file ends with the process that holds it, so that a dead owner never locks anybody out.
    The file says who holds it (pid, start, run). It is emptied on a clean release only: what a new owner finds in it
    is the run that ended uncleanly, `left_behind`.
    """

    def __init__(self, path: Path, run: Path) -> None:
        self._path = path
        self._run = run.resolve()
        self._handle: int | None = None
        self._dirty = False
        self.left_behind: Path | None = None

    def __enter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise UsageError(f"the target cannot be locked: {self._path}: {error.strerror}.") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held = _read(handle)
            os.close(handle)
            raise UsageError(_in_use(self._path.stem, held)) from None
        self._handle = handle
        run = _read(handle).get("run")
        self.left_behind = Path(run) if isinstance(run, str) else None
        self._write({"owner": ProcessIdentity.own().to_json(), "run": str(self._run)})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Released. After a `leave_dirty` the run stays on record as one that left something behind."""
        if self._handle is not None:
            if kind is None and not self._dirty:
                self._write(None)
            os.close(self._handle)
            self._handle = None

    def leave_dirty(self) -> None:
        """The target is dirty: the next owner must be told of this run."""
        self._dirty = True

    def _write(self, content: dict[str, Any] | None) -> None:
        assert self._handle is not None
        data = b"" if content is None else (json.dumps(content) + "\n").encode()
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, data, 0)
        os.fsync(self._handle)


def _read(handle: int) -> dict[str, Any]:
    try:
        content = json.loads(os.pread(handle, 65_536, 0) or b"{}")
    except ValueError:  # its owner died while it wrote
        return {}
    return content if isinstance(content, dict) else {}


def _in_use(name: str, held: dict[str, Any]) -> str:
    try:
        owner = f"process {ProcessIdentity.from_json(held['owner']).pid} (run {held.get('run', '?')})"
    except (KeyError, ValueError):
        owner = "another process"
    return f"the target {name} is in use by {owner}: only one run at a time may break it. Wait for its end, or end it."
