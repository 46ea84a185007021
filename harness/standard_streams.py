"""Standard output that changes no exit code: its reader may leave (``pipequake score RUN | head -1``), and its encoding
may lack a character."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any

from harness.errors import NO_ROOM, DiskFull, UsageError

__all__ = ["outlive_readers"]

#: A pipe that nobody reads any more, and a terminal that is gone.
_NO_READER = (errno.EPIPE, errno.EIO)


class _Outliving(io.FileIO):
    """Drops what is written once nobody reads it: that says nothing about what the command found."""

    def write(self, data: Any, /) -> int:
        """Writes, or turns to nowhere for good; raises `HarnessError` if that loses what somebody waits for."""
        try:
            return super().write(data)
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            if error.errno in _NO_READER:
                return memoryview(data).nbytes
            kind = DiskFull if error.errno in NO_ROOM else UsageError
            raise kind(f"the output can't be written ({error.strerror or error}). Send it somewhere else.") from None


def outlive_readers() -> None:
    """Makes this process's standard streams go on when their readers are gone, and with every character."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)  # None where it is closed, something else where a program put it there
        if not isinstance(stream, io.TextIOWrapper):
            continue
        raw = _Outliving(stream.fileno(), "wb", closefd=False)
        wrapped = io.TextIOWrapper(
            io.BufferedWriter(raw) if isinstance(stream.buffer, io.BufferedWriter) else raw,  # raw with python -u
            encoding=stream.encoding,
            errors="backslashreplace" if stream.errors == "strict" else stream.errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        setattr(sys, name, wrapped)
