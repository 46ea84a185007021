"""Versions and stages on disk. A version is never changed once it is there; a stage points at one."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: The stages that can be set; ``previous`` follows from what production was before.
STAGES = ("production", "canary")

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class UnknownVersion(Exception):
    """No model of that version."""


class VersionTaken(Exception):
    """Another model has that version already."""


class NothingBefore(Exception):
    """Production has no earlier model to go back to."""


class ModelStorage:
    """``models/<version>/{artifact,manifest.json}`` and ``stages.json``, written atomically."""

    def __init__(self, folder: Path) -> None:
        self._models = folder / "models"
        self._drafts = folder / "drafts"
        self._stages = folder / "stages.json"
        self._models.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self._drafts, ignore_errors=True)  # what a crash left half written
        self._drafts.mkdir()

    def add(self, manifest: Mapping[str, Any], artifact: bytes) -> None:
        """Publishes a version; the same one again changes nothing.

        Raises `VersionTaken` if it exists with another content, `ValueError` if the version is no proper name.
        """
        version = manifest["version"]
        if not isinstance(version, str) or not _VERSION.fullmatch(version):
            raise ValueError(f"version: expected letters, digits, '.', '_' and '-', got {str(version)[:40]!r}")
        target = self._models / version
        if target.exists():
            if self.manifest(version) != manifest or self.artifact(version) != artifact:
                raise VersionTaken(version)
            return
        draft = self._drafts / version
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
        """Every version, by name."""
        return sorted(path.name for path in self._models.iterdir())

    def stages(self) -> dict[str, str | None]:
        """``{production, canary, previous}``: versions, or null."""
        state = self._read()
        before = state["before"]
        return {
            "production": state["production"],
            "canary": state["canary"],
            "previous": before[-1] if before else None,
        }

    def set_stage(self, stage: str, version: str | None) -> dict[str, str | None]:
        """Points a stage at a version (null clears it); promoting to production remembers what was there.

        Raises `UnknownVersion`.
        """
        if version is not None:
            self._of(version)
        state = self._read()
        now = state["production"]
        if stage == "production" and now is not None and now != version:
            state["before"].append(now)
        self._write({**state, stage: version})
        return self.stages()

    def roll_back(self) -> dict[str, str | None]:
        """Production goes back to the model before it; once more goes back further, never forth again.

        Raises `NothingBefore`.
        """
        state = self._read()
        if not state["before"]:
            raise NothingBefore
        *before, previous = state["before"]
        self._write({**state, "production": previous, "before": before})
        return self.stages()

    def _read(self) -> dict[str, Any]:
        if not self._stages.exists():
            return {"production": None, "canary": None, "before": []}
        loaded: dict[str, Any] = json.loads(self._stages.read_text())
        return loaded

    def _write(self, state: Mapping[str, Any]) -> None:
        draft = self._stages.with_suffix(".tmp")
        draft.write_text(json.dumps(state, sort_keys=True))
        draft.replace(self._stages)

    def _of(self, version: str) -> Path:
        folder = self._models / version
        if not _VERSION.fullmatch(version) or not folder.exists():
            raise UnknownVersion(version)
        return folder
