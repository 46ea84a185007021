"""Which models serve: follows the registry's stages, checks what it loads, keeps a copy for a start without a registry."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from reference_pipeline.http import UNREACHABLE, Client, ServiceError
from reference_pipeline.registry.signing import BadSignature, verify
from reference_pipeline.training.model import Model, load

#: One request in so many goes to the canary.
CANARY_ONE_IN = 10


@dataclass(frozen=True, slots=True)
class Served:
    """A loaded model with its version and the moment of its training (epoch seconds)."""

    version: str
    trained_at: float
    model: Model


class ModelShelf:
    """The production model and, maybe, a canary. ``key`` None means that artifacts aren't verified."""

    def __init__(
        self, registry: Client, copies: Path, *, key: bytes | None, load_library: Callable[[str], ModuleType]
    ) -> None:
        self._registry = registry
        self._copies = copies
        self._key = key
        self._load_library = load_library
        self.production: Served | None = None
        self.canary: Served | None = None
        self.errors = 0
        self.rejected = 0
        self.last_error: str | None = None

    async def refresh(self) -> None:
        """Loads what the stages name, if that changed; whatever goes wrong, the models that serve go on serving."""
        try:
            stages = await self._registry.get("/stages")
            self.production = await self._stage(stages["production"], self.production) or self.production
            self.canary = await self._stage(stages["canary"], self.canary)
            self.last_error = None
        except (*UNREACHABLE, ServiceError) as error:
            self.errors += 1
            self.last_error = f"registry: {error or type(error).__name__}"
        except (BadSignature, ValueError, KeyError, TypeError) as error:
            self.rejected += 1
            self.last_error = f"{type(error).__name__}: {error}"
        if self.production is None:
            self._from_copy()

    def choose(self, flight_id: str) -> Served | None:
        """The model for a request: the canary for a fixed tenth of the flights, else production."""
        if self.canary is not None and zlib.crc32(flight_id.encode()) % CANARY_ONE_IN == 0:
            return self.canary
        return self.production

    async def _stage(self, version: str | None, current: Served | None) -> Served | None:
        if version is None or (current is not None and current.version == version):
            return current if version is not None else None
        artifact = await self._registry.raw("GET", f"/models/{version}")
        manifest = await self._registry.get(f"/models/{version}/manifest")
        served = self._open(manifest, artifact)
        self._copies.mkdir(parents=True, exist_ok=True)
        (self._copies / "artifact").write_bytes(artifact)
        (self._copies / "manifest.json").write_text(json.dumps(manifest))
        return served

    def _open(self, manifest: dict[str, Any], artifact: bytes) -> Served:
        if self._key is not None:
            verify(manifest, artifact, self._key)
        return Served(manifest["version"], manifest["trained_at"], load(self._load_library("lightgbm"), artifact))

    def _from_copy(self) -> None:
        if self._key is None or not (self._copies / "manifest.json").exists():
            return
        manifest = json.loads((self._copies / "manifest.json").read_text())
        try:
            self.production = self._open(manifest, (self._copies / "artifact").read_bytes())
        except (BadSignature, ValueError) as error:
            self.last_error = str(error)
