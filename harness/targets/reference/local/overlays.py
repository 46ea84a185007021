"""Files that stand before a service's libraries on its import path, and whether they were really imported."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

__all__ = ["Overlays", "remove_everywhere"]


class Overlays:
    """Folders under ``root``: one a service, in it one an overlay, in the order of their installation."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._installed: dict[str, list[str]] = {}
        self._loads: dict[str, int] = {}

    def add(self, service: str, overlay_id: str, files: Mapping[str, str]) -> bool:
        """Writes an overlay; False if it is there already."""
        if overlay_id in self._installed.setdefault(service, []):
            return False
        folder = self._folder(service, overlay_id)
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self._installed[service].append(overlay_id)
        return True

    def remove(self, service: str, overlay_id: str) -> bool:
        """Removes an overlay; False if it wasn't there."""
        self.loads(overlay_id)
        there = overlay_id in self._installed.get(service, [])
        if there:
            self._installed[service].remove(overlay_id)
        shutil.rmtree(self._folder(service, overlay_id), ignore_errors=True)
        return there

    def path_of(self, service: str) -> list[str]:
        """What is to come first on the service's import path, the newest overlay before the others."""
        return [str(self._folder(service, overlay_id)) for overlay_id in reversed(self._installed.get(service, []))]

    def loads(self, overlay_id: str) -> int:
        """How often it was imported: Python compiles a module that it imports, and leaves the result beside it.

        Each compiled file is counted and removed, so that the next process has to compile it again.
        """
        for folder in self._root.glob(f"*/{_plain(overlay_id)}"):
            for compiled in folder.rglob("__pycache__/*.pyc"):
                os.unlink(compiled)
                self._loads[overlay_id] = self._loads.get(overlay_id, 0) + 1
        return self._loads.get(overlay_id, 0)

    def _folder(self, service: str, overlay_id: str) -> Path:
        return self._root / service / _plain(overlay_id)


def remove_everywhere(root: Path, overlay_id: str) -> None:
    """Removes an overlay under a root from whatever service has it."""
    for folder in root.glob(f"*/{_plain(overlay_id)}"):
        shutil.rmtree(folder, ignore_errors=True)


def _plain(overlay_id: str) -> str:
    """An id as a folder's name."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in overlay_id)
