"""Temporary folders that say whose they are, so that those of a killed process can be told from others and removed."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["clean_up", "is_temporary", "new_folder", "on_disk"]

_IN_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 1 << 30
_PREFIX = "pipequake-"


def new_folder(within: Path | None = None) -> Path:
    """A new folder of this process's own; in memory where there is room, unless it is told where."""
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=within or _roomiest()))


def on_disk() -> Path:
    """The ordinary place for temporary files."""
    return Path(tempfile.gettempdir())


def clean_up() -> None:
    """Removes the folders of processes that were killed."""
    for root in (_IN_MEMORY, on_disk()):
        for left in root.glob(f"{_PREFIX}*"):
            owner = left.name.removeprefix(_PREFIX).partition("-")[0]
            if owner.isdigit() and not _alive(int(owner)):
                shutil.rmtree(left, ignore_errors=True)


def is_temporary(path: Path) -> bool:
    """Whether a path is one that `new_folder` may have made: nothing else is ever removed."""
    return path.name.startswith(_PREFIX) and path.parent in (_IN_MEMORY, on_disk())


def _roomiest() -> Path:
    try:
        if os.access(_IN_MEMORY, os.W_OK) and shutil.disk_usage(_IN_MEMORY).free >= _ROOM_BYTES:
            return _IN_MEMORY
    except OSError:
        pass  # no such file system: the ordinary place for temporary files will do
    return on_disk()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True
