"""Which models serve: what the registry's stages name, checked, with a copy for a start without a registry."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from reference_pipeline.http import UNREACHABLE, Client, ServiceError
from reference_pipeline.registry.signing import BadSignature, verify
from reference_pipeline.training.model import Model, ModelError, load

log = logging.getLogger(__name__)

#: One request in so many goes to the canary.
CANARY_ONE_IN = 10

#: What an artifact, its manifest or the library that reads it can be wrong with.
UNUSABLE = (BadSignature, ModelError, ImportError, AttributeError, ValueError, KeyError, TypeError)


@dataclass(frozen=True, slots=True)
class Served:
    """A loaded model with its version and the moment of its training (epoch seconds)."""

    version: str
    trained_at: float
    model: Model


class ModelShelf:
    """The production model and, maybe, a canary.

    ``key`` None means that artifacts aren't verified; then no copy is kept either, as nothing could vouch for it.
    """

    def __init__(
        self, registry: Client, copies: Path, *, key: bytes | None, load_library: Callable[[str], ModuleType]
    ) -> None:
        self._registry = registry
        self._copy = copies / "production.json"
        self._key = key
        self._load_library = load_library
        self._refreshing = asyncio.Lock()  # two at once could end with the older answer
        self.production: Served | None = None
        self.canary: Served | None = None
        self.errors = 0
        self.rejected = 0
        self.refused_libraries: list[str] = []
        self.last_error: str | None = None
        self.last_refusal: str | None = None
        """Why a model was refused the last time that one was."""

    async def refresh(self) -> None:
        """Loads what the stages name, if that changed; whatever goes wrong, the models that serve go on serving."""
        async with self._refreshing:
            try:
                await self._follow()
                self.last_error = None
            except (*UNREACHABLE, ServiceError) as error:
                self.errors += 1
                self.last_error = f"registry: {str(error) or type(error).__name__}"
            except UNUSABLE as error:
                self.last_error = self._refuse(error)
            if self.production is None:
                self._from_copy()

    async def open(self, version: str) -> Served:
        """A version of the registry, loaded and checked, but not put to use; raises what `refresh` survives."""
        try:
            return self._open(*await self._fetch(version))
        except UNUSABLE as error:
            self._refuse(error)
            raise

    def choose(self, flight_id: str) -> Served | None:
        """The model for a request: the canary for a fixed tenth of the flights, else production."""
        if self.canary is not None and zlib.crc32(flight_id.encode()) % CANARY_ONE_IN == 0:
            return self.canary
        return self.production

    def _refuse(self, error: Exception) -> str:
        self.rejected += 1
        self.last_refusal = f"{type(error).__name__}: {error}"
        return self.last_refusal

    async def _follow(self) -> None:
        stages = await self._registry.get("/stages")
        version = stages["production"]
        if version is not None and (self.production is None or self.production.version != version):
            manifest, artifact = await self._fetch(version)
            self.production = self._open(manifest, artifact)
            self._keep(manifest, artifact)
        version = stages["canary"]
        if version is None:
            self.canary = None
        elif self.canary is None or self.canary.version != version:
            self.canary = self._open(*await self._fetch(version))

    async def _fetch(self, version: str) -> tuple[dict[str, Any], bytes]:
        artifact = await self._registry.raw("GET", f"/models/{version}")
        manifest: dict[str, Any] = await self._registry.get(f"/models/{version}/manifest")
        if manifest["version"] != version:
            raise BadSignature(f"the registry gave model {manifest['version']} for {version}")
        return manifest, artifact

    def _open(self, manifest: Mapping[str, Any], artifact: bytes) -> Served:
        if self._key is not None:
            verify(manifest, artifact, self._key)
        try:
            library = self._load_library("lightgbm")
        except ImportError as error:
            self.refused_libraries = [str(error)]
            raise
        self.refused_libraries = []
        model = load(library, artifact)
        return Served(manifest["version"], float(manifest["trained_at"]), model)

    def _keep(self, manifest: Mapping[str, Any], artifact: bytes) -> None:
        """Manifest and artifact in one file, so that a crash can't leave a pair that doesn't belong together."""
        if self._key is None:
            return
        content = {"manifest": manifest, "artifact": base64.b64encode(artifact).decode()}
        draft = self._copy.with_suffix(".tmp")
        try:
            self._copy.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(content))
            draft.replace(self._copy)
        except OSError as error:  # a later start will need the registry; this one serves
            log.warning("no copy of model %s: %s", manifest["version"], error)

    def _from_copy(self) -> None:
        if self._key is None or not self._copy.exists():
            return
        try:
            content = json.loads(self._copy.read_text())
            self.production = self._open(content["manifest"], base64.b64decode(content["artifact"]))
        except (OSError, *UNUSABLE) as error:
            self.last_error = f"{self.last_error}; the copy on disk: {type(error).__name__}: {error}"
