"""What has become of each batch: an append-only file, so that a restart goes on where the process was.

A line is written after what it tells is on disk. A line that a crash tore is ignored: its batch is simply
done again.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from reference_pipeline.ingestion.manifest import Manifest

#: ``stored`` is in the lake but not handed over yet.
State = Literal["stored", "delivered", "quarantined"]
#: Batches that are remembered: three weeks of flights.
REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class Entry:
    """The latest state of a batch. ``path`` (its partition) is relative to the lake, ``sha256`` is the payload's.

    ``masked`` are the columns that it was taken without.
    """

    batch_id: str
    sequence: int
    state: State
    sha256: str
    path: str | None
    manifest: dict[str, object]
    masked: tuple[str, ...] = ()

    @property
    def lacking(self) -> bool:
        """Whether a better version of the batch would be welcome."""
        return self.state == "quarantined" or bool(self.masked)


_FIELDS = tuple(field.name for field in fields(Entry))


class Ledger:
    """The batches of one feed. ``cursor`` is the highest sequence seen, None at the very start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries: OrderedDict[str, Entry] = OrderedDict()
        self.sequences: set[int] = set()
        self.cursor: int | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text() if path.exists() else ""
        if text and not text.endswith("\n"):
            with path.open("a") as handle:
                handle.write("\n")
        for line in text.splitlines():
            try:
                self._note(Entry(**json.loads(line)))
            except (ValueError, TypeError):
                continue

    def record(
        self,
        manifest: Manifest,
        state: State,
        path: str | None = None,
        sha256: str | None = None,
        masked: tuple[str, ...] = (),
    ) -> None:
        """Appends a state, durably enough for a crash of the process."""
        digest = sha256 or manifest.sha256
        entry = Entry(manifest.batch_id, manifest.sequence, state, digest, path, manifest.to_json(), masked)
        with self._path.open("a") as handle:
            handle.write(json.dumps({name: getattr(entry, name) for name in _FIELDS}) + "\n")
        self._note(entry)

    def missing(self) -> list[int]:
        """Sequences between the first remembered one and the cursor that never came."""
        if self.cursor is None:
            return []
        return [n for n in range(min(self.sequences), self.cursor) if n not in self.sequences]

    def undelivered(self) -> list[Entry]:
        """Batches that are stored and not handed over, in the order they were stored."""
        return [entry for entry in self.entries.values() if entry.state == "stored"]

    def _note(self, entry: Entry) -> None:
        self.entries[entry.batch_id] = entry
        self.sequences.add(entry.sequence)
        if self.cursor is None or entry.sequence > self.cursor:
            self.cursor = entry.sequence
        if len(self.entries) > REMEMBERED:
            _, oldest = self.entries.popitem(last=False)
            self.sequences.discard(oldest.sequence)
