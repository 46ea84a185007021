"""Where a simulated deployment keeps its volumes while it runs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from harness.temporary import clean_up, new_folder

__all__ = ["Scratch"]


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
