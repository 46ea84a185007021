"""Overlays of libraries in a volume that lies before the real ones on the services' import paths.

An interpreter leaves a compiled copy beside each file that it imports: that is how a load shows, from outside.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

__all__ = ["Overlays"]


class Overlays:
    """``folder`` has a folder for each service, with its overlays on top of each other.

    >>> import tempfile
    >>> overlays = Overlays(Path(tempfile.mkdtemp()))
    >>> overlays.put("serving", "f1", {"lightgbm/__init__.py": "raise ImportError"})
    >>> overlays.loads("serving", "f1")
    0
    >>> overlays.remove("serving", "f1"), overlays.remove("serving", "f1")
    (True, False)
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._of: dict[str, dict[str, dict[str, str]]] = {}

    def put(self, service: str, overlay_id: str, files: Mapping[str, str]) -> None:
        """Puts files ({relative path: text}) before a service's libraries. Raises ``ValueError`` for one outside."""
        for name in files:
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise ValueError(f"{name!r} does not lie within the overlay")
        if overlay_id not in self._of.setdefault(service, {}):
            self._of[service][overlay_id] = dict(files)
            self._write(service)

    def remove(self, service: str, overlay_id: str) -> bool:
        """Takes an overlay away; whether it was there."""
        if self._of.get(service, {}).pop(overlay_id, None) is None:
            return False
        self._write(service)
        return True

    def loads(self, service: str, overlay_id: str) -> int:
        """How many of an overlay's modules have been imported."""
        files = self._of.get(service, {}).get(overlay_id, {})
        paths = [self._folder / service / name for name in files]
        return sum(any((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc")) for path in paths)

    def _write(self, service: str) -> None:
        """The folder, made anew; the latest overlay wins."""
        folder = self._folder / service
        shutil.rmtree(folder, ignore_errors=True)
        for files in self._of[service].values():
            for name, text in files.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
