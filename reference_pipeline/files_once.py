"""Files that nobody changes once they are there, read once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

__all__ = ["FilesOnce"]

T = TypeVar("T")


class FilesOnce(Generic[T]):
    """What ``read`` made of each file. One that was replaced or changed after all is read again.

    >>> import tempfile
    >>> sizes = FilesOnce(lambda path: len(path.read_bytes()))
    >>> file = Path(tempfile.mkdtemp()) / "a"
    >>> _ = file.write_text("abc")
    >>> sizes.all([file]), sizes.all([])
    ([3], [])
    """

    def __init__(self, read: Callable[[Path], T]) -> None:
        self._read = read
        self._known: dict[Path, tuple[tuple[int, int], T]] = {}

    def all(self, files: Iterable[Path]) -> list[T]:
        """What these files hold, in their order; others are forgotten. Raises what ``read`` and ``Path.stat`` raise."""
        known = {}
        for file in files:
            stat = file.stat()
            state = (stat.st_size, stat.st_mtime_ns)  # as in a copy of the folder too
            found = self._known.get(file)
            known[file] = found if found is not None and found[0] == state else (state, self._read(file))
        self._known = known
        return [content for _, content in known.values()]
