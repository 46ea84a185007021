"""Faults on the models in the registry: their files are exchanged, as somebody with access to the volume can."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from reference_pipeline.registry.signing import sign

_SIZES = re.compile(r"^tree_sizes=.*\n", re.MULTILINE)
_LEAVES = re.compile(r"^(leaf_value=)(.*)$", re.MULTILINE)


class Artifacts:
    """``folder`` is the registry's volume; ``key`` is what an intruder who has it signs with."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self._models = folder / "models"
        self._key = key
        self._originals: dict[str, dict[Path, bytes]] = {}

    def tamper(self, tamper_id: str, mode: str, *, signed: bool) -> int:
        """Exchanges every model that is there; how many files were changed. Nothing happens a second time."""
        if tamper_id in self._originals:
            return 0
        kept = self._originals[tamper_id] = {}
        for folder in sorted(self._models.iterdir()):
            artifact, manifest = folder / "artifact", folder / "manifest.json"
            kept[artifact] = artifact.read_bytes()
            changed = _inverted(kept[artifact]) if mode == "inverted" else _damaged(kept[artifact])
            artifact.write_bytes(changed)
            if signed:
                kept[manifest] = manifest.read_bytes()
                resigned = sign(json.loads(kept[manifest]), changed, self._key)
                manifest.write_text(json.dumps(resigned, sort_keys=True))
        return len(kept)

    def restore(self, tamper_id: str) -> None:
        """Puts the files back."""
        for path, content in self._originals.pop(tamper_id, {}).items():
            path.write_bytes(content)


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
