"""Examples that the pipeline has collected itself: flights that ended since its start, from the lake."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reference_pipeline.features.definitions import LEAD_S, as_number
from reference_pipeline.features.labels import label
from reference_pipeline.features.offline import OfflineLog
from reference_pipeline.files_once import FilesOnce
from reference_pipeline.ingestion.lake import batch_and_revision, lineage_of, newest_revisions
from reference_pipeline.parquet import open_whole
from reference_pipeline.training.examples import RAW, build_examples

_TEXTS = ("flight_id", "carrier", "origin", "dest", "tailnum")
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in _TEXTS),
        ("sched_dep", pa.int64()),
        ("distance", pa.float64()),
        ("known_at", pa.int64()),
        ("late", pa.int64()),
    ]
)
#: What a partition says of flights that have ended: as above, with times as they are.
_ENDED = pa.schema(
    [
        *((name, pa.string()) for name in _TEXTS),
        *((name, pa.float64()) for name in ("sched_dep", "distance", "known_at")),
        ("late", pa.int64()),
    ]
)
_READ = (*RAW, "event", "event_time", "arr_delay")


class Collected:
    """The flights of a lake with the features that a log of the offline store has of them.

    Partitions are immutable: each is read once.
    """

    def __init__(self, lake: Path, log: OfflineLog) -> None:
        self._lake = lake
        self._log = log
        self._partitions = FilesOnce(_partition)

    def examples(self, *, since: float, now: float, as_of: float | None = None) -> pa.Table:
        """Examples of the flights whose prediction was due in ``[since, now]`` (epoch seconds) and that have ended.

        With ``as_of``, an earlier moment, they are those of then: batches that came later are left out; one that was
        there and has been mended since counts as it is now.

        Rows that can't be read as such a flight are left out, and partitions that lack a column; of a flight that
        occurs more than once, the last row counts.
        """
        as_of = now if as_of is None else as_of
        files = {file.stem: file for file in (self._lake / "flights").rglob("*.parquet")}
        held = dict(zip(files, self._partitions.all(files.values()), strict=True))

        def came(after: float, until: float) -> set[str]:
            return {batch_and_revision(name)[0] for name, part in held.items() if after < part.ingested_at <= until}

        late = came(as_of, now) - came(-math.inf, as_of)  # what a wrong clock stamped with a time to come is not late
        parts = [held[name].ended for name in newest_revisions(files) if batch_and_revision(name)[0] not in late]
        ended = pa.concat_tables([_ENDED.empty_table(), *parts])
        due = ended["sched_dep"].to_numpy() - LEAD_S
        ended = _last_of_each(ended.filter(pa.array((since <= due) & (due <= as_of))))
        known_at = np.clip(ended["known_at"].to_numpy(), 0, as_of).astype(np.int64)
        columns = {name: ended[name] for name in _SCHEMA.names} | {
            "known_at": pa.array(known_at),
            "sched_dep": pa.array(ended["sched_dep"].to_numpy().astype(np.int64)),
        }
        flights = pa.table(columns, schema=_SCHEMA).sort_by([("known_at", "ascending"), ("flight_id", "ascending")])
        return build_examples(flights, self._log.read())


def _last_of_each(ended: pa.Table) -> pa.Table:
    flights = ended["flight_id"].combine_chunks().dictionary_encode()
    last = np.zeros(len(flights.dictionary), dtype=np.int64)
    np.maximum.at(last, flights.indices.to_numpy(), np.arange(len(flights)))
    return ended.take(pa.array(last))


@dataclass(frozen=True, slots=True)
class _Partition:
    """When a partition came (epoch seconds), and the flights of it that have ended."""

    ingested_at: float
    ended: pa.Table


def _partition(file: Path) -> _Partition:
    partition = open_whole(file)
    try:
        ingested_at = as_number(lineage_of(partition.schema_arrow).get("ingested_at"))
    except (KeyError, ValueError):  # one that nobody of ours wrote: it is never too late
        ingested_at = math.nan
    return _Partition(ingested_at, _ended(partition))


def _ended(partition: pq.ParquetFile) -> pa.Table:
    if not set(_READ) <= set(partition.schema_arrow.names):
        return _ENDED.empty_table()
    columns = partition.read(columns=list(_READ), use_threads=False).to_pydict()
    rows = []
    for values in zip(*(columns[name] for name in _READ), strict=True):
        row = dict(zip(_READ, values, strict=True))
        late = label(row["event"], row["arr_delay"])
        named = all(row[name] is not None for name in ("flight_id", "carrier", "origin", "dest"))
        departs, distance, known_at = (as_number(row[name]) for name in ("sched_dep", "distance", "event_time"))
        if late is None or not named or any(map(math.isnan, (departs, distance, known_at))):
            continue
        texts = {name: None if row[name] is None else str(row[name]) for name in _TEXTS}
        rows.append({**texts, "sched_dep": departs, "distance": distance, "known_at": known_at, "late": late})
    return pa.Table.from_pylist(rows, schema=_ENDED)
