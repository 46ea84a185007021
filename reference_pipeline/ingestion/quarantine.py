"""Batches that could not be used: the payload as it came, the manifest, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reference_pipeline.ingestion.manifest import Manifest
from reference_pipeline.ingestion.violation import Violation


class Quarantine:
    """A folder with two files a batch: ``<batch_id>.payload`` and ``<batch_id>.json``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, manifest: Manifest, payload: bytes, violations: list[Violation], at: float) -> None:
        """Stores a batch with the reasons; a later try of the same batch replaces it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{manifest.batch_id}.payload").write_bytes(payload)
        record = {
            "manifest": manifest.to_json(),
            "quarantined_at": at,
            "violations": [violation.to_json() for violation in violations],
            "resolved_at": None,
        }
        self._write(manifest.batch_id, record)

    def get(self, batch_id: str) -> tuple[Manifest, bytes] | None:
        """A batch that waits here; None if there is none or it was resolved."""
        record = self._read(batch_id)
        if record is None or record["resolved_at"] is not None:
            return None
        payload = (self._folder / f"{batch_id}.payload").read_bytes()
        return Manifest.from_json(record["manifest"]), payload

    def resolve(self, batch_id: str, at: float) -> None:
        """Notes that the batch was released or came again in good shape."""
        record = self._read(batch_id)
        if record is not None:
            self._write(batch_id, record | {"resolved_at": at})

    def keep_rows(self, manifest: Manifest, rejected: list[dict[str, Any]]) -> None:
        """Stores rows that were taken out of a batch, with the reasons of each."""
        self._folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"manifest": manifest.to_json(), "rows": rejected}, indent=1)
        (self._folder / f"{manifest.batch_id}.rows.json").write_text(text)

    def _read(self, batch_id: str) -> dict[str, Any] | None:
        path = self._folder / f"{batch_id}.json"
        if not path.exists():
            return None
        record: dict[str, Any] = json.loads(path.read_text())
        return record

    def _write(self, batch_id: str, record: dict[str, Any]) -> None:
        path = self._folder / f"{batch_id}.json"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(record, indent=1))
        temporary.replace(path)
