"""Where a simulated deployment keeps its volumes while it runs."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Scratch", "clean_up", "is_volume", "new_folder"]

_IN_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 1 << 30
_PREFIX = "pipequake-"


class Scratch:
    """A context manager: a new folder, which is the current directory within it and gone after it.

    Volumes are named relative to it, so that a forked process takes its own copy over by changing its directory. It
    lies in memory where there is room: a simulated disk need not wait for a real one.
    """

    def __enter__(self) -> Self:
        clean_up()
        self._home = Path.cwd()
        self.path = new_folder()
        os.chdir(self.path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.chdir(self._home)
        shutil.rmtree(self.path, ignore_errors=True)

    def branch(self) -> None:
        """In a forked process: goes on in a copy of the folder."""
        copy = new_folder()
        shutil.copytree(self.path, copy, dirs_exist_ok=True)
        self.path = copy
        os.chdir(copy)


def new_folder() -> Path:
    """A new folder of this process's own, for volumes."""
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_root()))


def clean_up() -> None:
    """Removes the folders of processes that were killed."""
    for left in _root().glob(f"{_PREFIX}*"):
        owner = left.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not _alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)


def is_volume(path: Path) -> bool:
    """Whether a path is one that `new_folder` may have made: nothing else is ever removed."""
    return path.name.startswith(_PREFIX) and path.parent in (_IN_MEMORY, Path(tempfile.gettempdir()))


def _root() -> Path:
    try:
        if os.access(_IN_MEMORY, os.W_OK) and shutil.disk_usage(_IN_MEMORY).free >= _ROOM_BYTES:
            return _IN_MEMORY
    except OSError:
        pass  # no such file system: the ordinary place for temporary files will do
    return Path(tempfile.gettempdir())


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True
