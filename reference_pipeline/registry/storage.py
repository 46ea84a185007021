"""Versions and stages on disk. A version is never changed once it is there; a stage points at one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class UnknownVersion(Exception):
    """No model of that version."""


class ModelStorage:
    """``models/<version>/{artifact,manifest.json}`` and ``stages.json``, written atomically."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "models").mkdir(parents=True, exist_ok=True)

    def add(self, manifest: dict[str, Any], artifact: bytes) -> None:
        """Publishes a version; one that exists already is left as it is."""
        target = self._folder / "models" / manifest["version"]
        if not target.exists():
            draft = target.with_name(target.name + ".tmp")
            draft.mkdir(exist_ok=True)
            (draft / "artifact").write_bytes(artifact)
            (draft / "manifest.json").write_text(json.dumps(manifest, sort_keys=True))
            draft.replace(target)

    def artifact(self, version: str) -> bytes:
        """The bytes of a version; raises `UnknownVersion`."""
        return (self._of(version) / "artifact").read_bytes()

    def manifest(self, version: str) -> dict[str, Any]:
        """The manifest of a version; raises `UnknownVersion`."""
        loaded: dict[str, Any] = json.loads((self._of(version) / "manifest.json").read_text())
        return loaded

    def versions(self) -> list[str]:
        """Every version, oldest first by name."""
        return sorted(p.name for p in (self._folder / "models").iterdir() if p.suffix != ".tmp")

    def stages(self) -> dict[str, Any]:
        """``{production, canary, previous}``: versions, or null."""
        path = self._folder / "stages.json"
        if not path.exists():
            return {"production": None, "canary": None, "previous": None}
        loaded: dict[str, Any] = json.loads(path.read_text())
        return loaded

    def set_stage(self, stage: str, version: str | None) -> dict[str, Any]:
        """Points a stage at a version (null clears it); promoting to production remembers what was there."""
        if version is not None:
            self._of(version)
        stages = self.stages()
        if stage == "production" and stages["production"] != version:
            stages["previous"] = stages["production"]
        stages[stage] = version
        draft = self._folder / "stages.tmp"
        draft.write_text(json.dumps(stages, sort_keys=True))
        draft.replace(self._folder / "stages.json")
        return stages

    def _of(self, version: str) -> Path:
        folder = self._folder / "models" / version
        if "/" in version or version.startswith(".") or not folder.exists():
            raise UnknownVersion(version)
        return folder
