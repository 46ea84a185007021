"""Files that stand before a service's libraries and settings, and whether they were really read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

__all__ = ["Overlays", "remove_everywhere"]


class Overlays:
    """Folders under ``root``: one a service, in it one an overlay, named so that the newest is the last."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._installed: dict[str, dict[str, Path]] = {}
        self._loads: dict[str, int] = {}
        self._made = 0

    def add(self, service: str, overlay_id: str, files: Mapping[str, str]) -> bool:
        """Writes an overlay; False if it is there already."""
        if overlay_id in self._installed.setdefault(service, {}):
            return False
        self._made += 1
        folder = self.folder_of(service) / f"{self._made:04}-{_plain(overlay_id)}"
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            _mark_unread(path)
        self._installed[service][overlay_id] = folder
        return True

    def remove(self, service: str, overlay_id: str) -> bool:
        """Removes an overlay; False if it wasn't there."""
        self.loads(overlay_id)
        folder = self._installed.get(service, {}).pop(overlay_id, None)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        return folder is not None

    def has_modules(self, service: str, overlay_id: str) -> bool:
        """Whether it holds anything to import, for which a process must be started anew."""
        folder = self._installed.get(service, {}).get(overlay_id)
        return folder is not None and any(folder.rglob("*.py"))

    def pin(self, service: str) -> None:
        """From now on the service does without the overlays that it has now: it is started from an earlier image."""
        for overlay_id, folder in self._installed.get(service, {}).items():
            if folder.parent == self.folder_of(service):
                self.loads(overlay_id)
                pinned = self._root / "pinned" / folder.name
                pinned.parent.mkdir(exist_ok=True)
                self._installed[service][overlay_id] = folder.rename(pinned)

    def folder_of(self, service: str) -> Path:
        """Where a service's overlays are; it looks there for its settings."""
        return self._root / service

    def path_of(self, service: str) -> list[str]:
        """What is to come first on the service's import path, the newest overlay before the others."""
        folders = self._installed.get(service, {}).values()
        return [str(folder) for folder in reversed(list(folders)) if folder.parent == self.folder_of(service)]

    def loads(self, overlay_id: str) -> int:
        """How often it was read, as far as can be told afterwards.

        Python compiles a module that it imports and leaves the result beside it: each compiled file is counted and
        removed, so that the next process has to compile it again. Any other file shows when it was last read; that is
        set back each time.
        """
        for installed in self._installed.values():
            folder = installed.get(overlay_id)
            for path in [] if folder is None else sorted(folder.rglob("*")):
                if path.suffix == ".pyc":
                    os.unlink(path)
                elif path.suffix == ".py" or path.is_dir() or path.stat().st_atime_ns == 0:
                    continue
                else:
                    _mark_unread(path)
                self._loads[overlay_id] = self._loads.get(overlay_id, 0) + 1
        return self._loads.get(overlay_id, 0)


def remove_everywhere(root: Path, overlay_id: str) -> None:
    """Removes an overlay under a root from whatever service has it."""
    for folder in root.glob(f"*/[0-9]*-{_plain(overlay_id)}"):
        shutil.rmtree(folder, ignore_errors=True)


def _mark_unread(path: Path) -> None:
    """Sets the time of the last access back to 1970: the kernel moves it at the next one, if the volume keeps it."""
    os.utime(path, ns=(0, path.stat().st_mtime_ns))


def _plain(overlay_id: str) -> str:
    """An id as a part of a folder's name."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in overlay_id)
