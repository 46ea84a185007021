"""What the pipeline logs goes to a file, with the time that its hosts see; nothing reaches the terminal."""

from __future__ import annotations

import logging
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["PipelineLog"]

_FORMAT = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")


class PipelineLog:
    """A context manager; the file is made when there is something to write."""

    def __init__(self, path: Path) -> None:
        self._logger = logging.getLogger("reference_pipeline")
        self._handler = logging.FileHandler(path, delay=True)

    def __enter__(self) -> Self:
        self._handler.setFormatter(_FORMAT)
        self._logger.addHandler(self._handler)
        self._logger.propagate = False
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._logger.removeHandler(self._handler)
        self._handler.close()

    def go_on_in(self, path: Path) -> None:
        """In a forked process: writes to another file from now on."""
        self._logger.removeHandler(self._handler)
        self._handler = logging.FileHandler(path, delay=True)
        self._handler.setFormatter(_FORMAT)
        self._logger.addHandler(self._handler)
