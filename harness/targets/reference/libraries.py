"""Imports for simulated services: what an overlay has put in a library's place comes first, as on a path."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType


class Libraries:
    """What an overlay has put in front of a service's libraries lies under ``folder``.

    ``on_load`` is told of each overlay that a service loads. ``installed`` has what is there without any, by name;
    other libraries are imported.
    """

    def __init__(
        self, folder: Path, on_load: Callable[[str], None], installed: Mapping[str, ModuleType] | None = None
    ) -> None:
        self._folder = folder
        self._on_load = on_load
        self._installed = installed or {}
        self._overlays: dict[str, dict[str, Path]] = {}
        self._pinned: dict[str, set[str]] = {}

    def add(self, service: str, overlay_id: str, files: Mapping[str, str]) -> None:
        """Puts files in front of the service's libraries."""
        root = self._folder / overlay_id
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self._overlays.setdefault(service, {})[overlay_id] = root

    def remove(self, service: str, overlay_id: str) -> None:
        """Takes an overlay away; nothing happens if it isn't there."""
        self._overlays.get(service, {}).pop(overlay_id, None)

    def pin(self, service: str) -> None:
        """From now on the service does without the overlays that it has now: it is started from an earlier image."""
        self._pinned.setdefault(service, set()).update(self._overlays.get(service, {}))

    def read(self, service: str, name: str) -> str | None:
        """A file of the service's configuration, as the newest overlay that has one says; None without any."""
        for overlay_id, root in reversed(self._overlays.get(service, {}).items()):
            if (root / name).exists() and overlay_id not in self._pinned.get(service, ()):
                self._on_load(overlay_id)
                return (root / name).read_text()
        return None

    def load(self, service: str, name: str) -> ModuleType:
        """The library as the service sees it now; raises what importing it raises."""
        for overlay_id, root in reversed(self._overlays.get(service, {}).items()):
            init = root / name / "__init__.py"
            if init.exists() and overlay_id not in self._pinned.get(service, ()):
                self._on_load(overlay_id)
                return _execute(name, init)
        return self._installed.get(name) or importlib.import_module(name)


def _execute(name: str, init: Path) -> ModuleType:
    """Runs a package's file as a module of its own: the library of the other services stays what it is."""
    spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=[str(init.parent)])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
