"""Waiting for a lock that another process may hold: the kernel takes it back when that one dies."""

from __future__ import annotations

import fcntl
import time

__all__ = ["lock_within"]

_POLL_S = 0.05


def lock_within(handle: int, seconds: float) -> bool:
    """Whether an open file or folder could be locked for this process alone within so many seconds.

    The lock ends with the descriptor.

    >>> import os, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> first, second = os.open(folder, os.O_RDONLY), os.open(folder, os.O_RDONLY)
    >>> lock_within(first, 0.0), lock_within(second, 0.1)
    (True, False)
    >>> os.close(first)
    >>> lock_within(second, 0.0)
    True
    >>> os.close(second)
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        else:
            return True
