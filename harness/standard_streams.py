"""Standard output that changes no exit code: its reader may leave (``pipequake score RUN | head -1``), and its encoding
may lack a character."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from typing import Any

from harness.errors import NO_ROOM, DiskFull, UsageError

__all__ = ["outlive_readers"]

#: A pipe that nobody reads any more, and a terminal that is gone.
_NO_READER = (errno.EPIPE, errno.EIO)

#: What tables and plots are made of besides ASCII, and what stands for it in an encoding without it: a column for a
#: column, so that what is beneath each other stays so.
_LOOKALIKES = dict(zip("·—–×…━┤▁▂▃▄▅▆▇█", "---x.-|___==###", strict=True))


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


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    """An error handler of codecs: a lookalike, or else the character's number, which tells more than a "?"."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lookalike = _LOOKALIKES.get(error.object[error.start])
    if lookalike is None:
        return codecs.backslashreplace_errors(_first(error))
    return lookalike, error.start + 1


def _replace_or_escape(error: UnicodeError) -> tuple[str | bytes, int]:
    """The same where bytes of file names that are no text are to come out as they came in, as with LC_ALL=C."""
    if isinstance(error, UnicodeEncodeError) and "\udc80" <= error.object[error.start] <= "\udcff":
        return codecs.lookup_error("surrogateescape")(_first(error))
    return _replace(error)


def _first(error: UnicodeEncodeError) -> UnicodeEncodeError:
    """Only the first of the characters, as the next one may be replaced in another way."""
    return UnicodeEncodeError(error.encoding, error.object, error.start, error.start + 1, error.reason)


#: What is done with a character that the stream's encoding lacks, by what Python would do.
_HANDLERS = {"strict": ("pipequake.replace", _replace), "surrogateescape": ("pipequake.escape", _replace_or_escape)}


def outlive_readers() -> None:
    """Makes this process's standard streams go on when their readers are gone, and with every character."""
    for name, handler in _HANDLERS.values():
        codecs.register_error(name, handler)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)  # None where it is closed, something else where a program put it there
        if not isinstance(stream, io.TextIOWrapper):
            continue
        raw = _Outliving(stream.fileno(), "wb", closefd=False)
        wrapped = io.TextIOWrapper(
            io.BufferedWriter(raw) if isinstance(stream.buffer, io.BufferedWriter) else raw,  # raw with python -u
            encoding=stream.encoding,
            errors=_HANDLERS[stream.errors][0] if stream.errors in _HANDLERS else stream.errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        setattr(sys, name, wrapped)
