"""Fault-free runs are kept: the same target, profile, seed and window give the same journal."""

from __future__ import annotations

import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

from harness.targets.base import Arm

__all__ = ["ControlCache"]


class ControlCache:
    """A folder of journals by a fingerprint of everything that they depend on."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self._folder = folder / "controls" / fingerprint

    def fetch(self, arm: Arm, into: Path) -> bool:
        """Copies the journal of a fault-free arm to ``into``; False if it isn't kept."""
        try:
            shutil.copyfile(self._path(arm), into)
        except OSError:
            into.unlink(missing_ok=True)
            return False
        return True

    def keep(self, arm: Arm, journal: Path) -> None:
        """Keeps the journal of an arm that ended at its horizon. A cache that can't be written is no failure."""
        kept = self._path(arm)
        draft = kept.with_name(f".{kept.name}.{os.getpid()}")
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(journal, draft)
            draft.replace(kept)
        except OSError:
            with suppress(OSError):
                draft.unlink()

    def _path(self, arm: Arm) -> Path:
        key = f"{arm.arm_id} {arm.start_fields()} {arm.end_s}"
        return self._folder / (hashlib.blake2b(key.encode(), digest_size=12).hexdigest() + ".jsonl")
