"""Where a simulated deployment keeps its volumes while it runs."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["scratch_folder"]

_IN_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 1 << 30
_PREFIX = "pipequake-"


def scratch_folder() -> Path:
    """A new folder, in memory where there is room: a simulated disk need not wait for a real one.

    Folders of processes that were killed are removed on the way.
    """
    root = _root()
    for left in root.glob(f"{_PREFIX}*"):
        owner = left.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not _alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=root))


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
