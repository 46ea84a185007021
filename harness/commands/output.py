"""Files that a user names for a command to write."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from harness.errors import UsageError

__all__ = ["write_output"]


def write_output(output: Path, data: bytes, option: str) -> None:
    """Writes a file whole or not at all. Raises `UsageError`, which says that ``option`` names another one.

    A link stays one, and what is no file (a device, a named pipe) is written to and never replaced.
    """
    try:
        if output.exists() and not output.is_file():
            output.write_bytes(data)
        else:
            _replace(Path(os.path.realpath(output)), data)
    except OSError as error:
        raise UsageError(
            f"{output} can't be written ({error.strerror or error}). Give another file with {option}."
        ) from None


def _replace(file: Path, data: bytes) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        draft.write_bytes(data)
        draft.replace(file)
    except OSError:
        with suppress(OSError):  # on a file system that is read-only this fails as well
            draft.unlink(missing_ok=True)
        raise
