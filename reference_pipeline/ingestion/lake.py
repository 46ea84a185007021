"""Immutable Parquet partitions that say where they come from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reference_pipeline.ingestion.manifest import Manifest
from reference_pipeline.parquet import open_whole, write_whole

LINEAGE_KEY = b"pipequake.lineage"


@cache
def code_version() -> str:
    """Names the code of this package, for lineage."""
    digest = hashlib.blake2b(digest_size=6)
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def write_partition(lake: Path, manifest: Manifest, table: pa.Table, lineage: Mapping[str, Any]) -> Path:
    """Writes ``<lake>/<feed>/date=<window's day>/<batch_id>.parquet`` by an atomic rename.

    A file that is there already is never touched: a revision of a batch gets ``-r2``, ``-r3`` ... in its
    name.
    """
    day = datetime.fromtimestamp(manifest.window_start, UTC).date().isoformat()
    folder = lake / manifest.feed / f"date={day}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{manifest.batch_id}.parquet"
    revision = 1
    while path.exists():
        revision += 1
        path = folder / f"{manifest.batch_id}-r{revision}.parquet"
    text = json.dumps(dict(lineage) | {"revision": revision}, sort_keys=True, separators=(",", ":"))
    temporary = path.with_suffix(".tmp")
    write_whole(table.replace_schema_metadata({LINEAGE_KEY: text.encode()}), temporary)
    temporary.replace(path)
    return path


def batch_and_revision(partition: str) -> tuple[str, int]:
    """Which batch a partition (a file's name without its ending) holds, and in which revision.

    >>> batch_and_revision("weather-20130610T050000Z-r2"), batch_and_revision("weather-20130610T050000Z")
    (('weather-20130610T050000Z', 2), ('weather-20130610T050000Z', 1))
    """
    batch, mark, number = partition.rpartition("-r")
    return (batch, int(number)) if mark and number.isdigit() else (partition, 1)


def newest_revisions(partitions: Iterable[str]) -> list[str]:
    """The partitions that no later revision of the same batch replaces, in the order of the batches."""
    newest: dict[str, tuple[int, str]] = {}
    for partition in partitions:
        batch, revision = batch_and_revision(partition)
        newest[batch] = max(newest.get(batch, (0, "")), (revision, partition))
    return [newest[batch][1] for batch in sorted(newest)]


def read_lineage(path: Path) -> dict[str, Any]:
    """What a partition says of its origin: source_url, batch_id, sequence, sha256, produced_at, ingested_at ..."""
    return lineage_of(pq.read_schema(path))


def lineage_of(schema: pa.Schema) -> dict[str, Any]:
    """The same, of a partition whose schema has been read."""
    lineage: dict[str, Any] = json.loads((schema.metadata or {})[LINEAGE_KEY])
    return lineage


def read_partition(path: Path) -> pa.Table:
    """The rows of a partition."""
    return open_whole(path).read(use_threads=False)
