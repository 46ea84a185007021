"""The file beside an arm's journal that says what must be ended if the harness can't do it any more."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.errors import TargetError
from harness.safety.identity import ProcessIdentity

__all__ = ["Description"]


class Description:
    """Written before anything is started, rewritten whole at each change, and gone when nothing is left to end.

    It always holds ``backend`` and ``conductor``, the process that runs the arm.
    """

    def __init__(self, path: Path, *, backend: str) -> None:
        self._path = path
        self._content: dict[str, Any] = {"backend": backend, "conductor": ProcessIdentity.own().to_json()}

    def update(self, **content: Any) -> None:
        """Changes entries. Raises `TargetError` if the file can't be written: then nothing may be started."""
        self._content |= content
        draft = self._path.with_suffix(".tmp")
        try:
            with draft.open("w", encoding="utf-8") as file:
                json.dump(self._content, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise TargetError(
                f"{self._path} cannot be written ({error.strerror or error}), without which a crash could leave "
                "processes behind. Free some space, or choose another folder with --results."
            ) from error

    def remove(self) -> None:
        """Nothing is left."""
        self._path.unlink(missing_ok=True)
        self._path.with_suffix(".tmp").unlink(missing_ok=True)
