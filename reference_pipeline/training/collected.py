"""Examples that the pipeline has collected itself: flights that ended since its start, from the lake."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reference_pipeline.features.definitions import LEAD_S, as_number
from reference_pipeline.features.labels import label
from reference_pipeline.features.offline import OfflineLog
from reference_pipeline.ingestion.lake import newest_revisions
from reference_pipeline.training.examples import RAW, build_examples

_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("flight_id", "carrier", "origin", "dest", "tailnum")),
        ("sched_dep", pa.int64()),
        ("distance", pa.float64()),
        ("known_at", pa.int64()),
        ("late", pa.int64()),
    ]
)
_READ = (*RAW, "event", "event_time", "arr_delay")


def collected(lake: Path, log: OfflineLog, *, since: float, now: float) -> pa.Table:
    """Examples of the flights whose prediction was due in ``[since, now]`` (epoch seconds) and that have ended.

    Rows that can't be read as such a flight are left out, and partitions that lack a column; of a flight that occurs
    more than once, the last row counts.
    """
    ended: dict[str, dict[str, Any]] = {}
    files = {file.stem: file for file in (lake / "flights").rglob("*.parquet")}
    for file in (files[partition] for partition in newest_revisions(files)):
        for flight in _ended(file, since, now):
            ended[flight["flight_id"]] = flight
    rows = sorted(ended.values(), key=lambda flight: (flight["known_at"], flight["flight_id"]))
    return build_examples(pa.Table.from_pylist(rows, schema=_SCHEMA), log.read())


def _ended(file: Path, since: float, now: float) -> Iterator[dict[str, Any]]:
    partition = pq.ParquetFile(file)
    if not set(_READ) <= set(partition.schema_arrow.names):
        return
    columns = partition.read(columns=list(_READ), use_threads=False).to_pydict()
    for values in zip(*(columns[name] for name in _READ), strict=True):
        row = dict(zip(_READ, values, strict=True))
        late = label(row["event"], row["arr_delay"])
        named = all(row[name] is not None for name in ("flight_id", "carrier", "origin", "dest"))
        departs, distance, known_at = (as_number(row[name]) for name in ("sched_dep", "distance", "event_time"))
        if late is None or not named or math.isnan(distance) or math.isnan(known_at):
            continue
        if since <= departs - LEAD_S <= now:  # false for NaN
            texts = {
                name: row[name] and str(row[name]) for name in ("flight_id", "carrier", "origin", "dest", "tailnum")
            }
            numbers = {"sched_dep": int(departs), "distance": distance, "known_at": int(min(known_at, now))}
            yield {**texts, **numbers, "late": late}
