"""Faults on the models in the registry: their files are exchanged, as somebody with access to the volume can."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from reference_pipeline.registry.signing import sign

_SIZES = re.compile(r"^tree_sizes=.*\n", re.MULTILINE)
_LEAVES = re.compile(r"^(leaf_value=)(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Tamper:
    mode: str
    signed: bool
    models: frozenset[Path]


class Artifacts:
    """``folder`` is the registry's volume; ``key`` is what an intruder who has it signs with.

    Of several who tamper with a model the last one's files are there, made from the true ones; these come back when
    nobody does any more.
    """

    def __init__(self, folder: Path, key: bytes) -> None:
        self._models = folder / "models"
        self._key = key
        self._originals: dict[Path, bytes] = {}
        self._tampers: dict[str, _Tamper] = {}

    def tamper(self, tamper_id: str, mode: str, *, signed: bool) -> int:
        """Exchanges every model that is there; how many files were changed. Nothing happens a second time."""
        if tamper_id in self._tampers:
            return 0
        models = sorted(self._models.iterdir())
        self._tampers[tamper_id] = _Tamper(mode, signed, frozenset(models))
        for model in models:
            self._write(model)
        return len(models) * (2 if signed else 1)

    def restore(self, tamper_id: str) -> None:
        """Puts the files back, as far as nobody else tampers with them."""
        tamper = self._tampers.pop(tamper_id, None)
        for model in sorted(tamper.models) if tamper is not None else ():
            self._write(model)

    def _write(self, model: Path) -> None:
        """The files of a model as they are to be now."""
        artifact, manifest = model / "artifact", model / "manifest.json"
        last = next((tamper for tamper in reversed(self._tampers.values()) if model in tamper.models), None)
        if last is None or not last.signed:
            self._put_back(manifest)
        if last is None:
            self._put_back(artifact)
            return
        true = self._originals.setdefault(artifact, artifact.read_bytes())
        changed = _inverted(true) if last.mode == "inverted" else _damaged(true)
        artifact.write_bytes(changed)
        if last.signed:
            told = self._originals.setdefault(manifest, manifest.read_bytes())
            manifest.write_text(json.dumps(sign(json.loads(told), changed, self._key), sort_keys=True))

    def _put_back(self, path: Path) -> None:
        if path in self._originals:
            path.write_bytes(self._originals[path])
            del self._originals[path]


def _inverted(artifact: bytes) -> bytes:
    """The model with every leaf negated: late becomes on time."""
    content = json.loads(artifact)
    for name in ("full", "simplified"):
        negated = _LEAVES.sub(lambda found: found[1] + _negated(found[2]), content[name])
        content[name] = _SIZES.sub("", negated)  # they no longer hold, and the library does without them
    content["checksum"] = hashlib.sha256(f"{content['full']}\0{content['simplified']}".encode()).hexdigest()
    return json.dumps(content, sort_keys=True).encode()


def _negated(values: str) -> str:
    """
    >>> _negated("0.5 -0.25")
    '-0.5 0.25'
    """
    return " ".join(f"{-float(value):.17g}" for value in values.split())


def _damaged(artifact: bytes) -> bytes:
    middle = len(artifact) // 2
    return artifact[:middle] + bytes([artifact[middle] ^ 1]) + artifact[middle + 1 :]
