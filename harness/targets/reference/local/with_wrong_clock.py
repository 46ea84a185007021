"""``python -m harness.targets.reference.local.with_wrong_clock MODULE ...`` runs a module under libfaketime.

The library shares its state with child processes through a piece of memory that has a name, and a semaphore that has
one too. There are no children here, and a process that is killed would leave the names behind: so they go at once.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

_NAMES = ("faketime_shm_{pid}", "sem.faketime_sem_{pid}")


def forget_names(pid: int) -> None:
    """Removes what libfaketime has named for a process; what the process has open, it keeps."""
    for name in _NAMES:
        Path("/dev/shm", name.format(pid=pid)).unlink(missing_ok=True)


if __name__ == "__main__":
    forget_names(os.getpid())
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
