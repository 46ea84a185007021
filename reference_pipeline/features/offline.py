"""The offline store: every value that the online store ever had, and when; read back as of a moment.

Point-in-time correct: a training row sees the value that was available when its prediction would have been asked for,
never a later one, and never one that the online store would have let expire.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from reference_pipeline.features.definitions import LIVE_VIEWS, VIEWS
from reference_pipeline.features.windows import Updates, entity_name
from reference_pipeline.files_once import FilesOnce
from reference_pipeline.parquet import open_whole, write_whole

_SLOTS = max(len(view.features) for view in VIEWS.values())
_SCHEMA = pa.schema(
    [("kind", pa.string()), ("entity", pa.string()), ("at", pa.float64()), ("through", pa.float64())]
    + [(f"v{i}", pa.float64()) for i in range(_SLOTS)]
)
_AT = b"written_at"


def log_rows(written: Iterable[tuple[Updates, float, float]]) -> pa.Table:
    """Rows of the log from (updates, when they were written, what they cover): kind, entity, at, through, values."""
    kinds: list[str] = []
    entities: list[str] = []
    moments: list[float] = []
    covered: list[float] = []
    slots: list[list[float | None]] = [[] for _ in range(_SLOTS)]
    for updates, at, through in written:
        moments.extend([at] * len(updates))
        covered.extend([through] * len(updates))
        for (kind, entity), values in updates.items():
            kinds.append(kind)
            entities.append(entity)
            row = [*values.values()]
            row.extend([None] * (_SLOTS - len(row)))
            for slot, value in zip(slots, row, strict=True):
                slot.append(value)
    return pa.table([kinds, entities, moments, covered, *slots], schema=_SCHEMA)


class OfflineLog:
    """``<feed>/<partition>.parquet``: what a partition of the lake made of the online store, even if that is nothing.

    A file that is there means that the partition has been taken over for good.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tables = FilesOnce(_table)
        folder.mkdir(parents=True, exist_ok=True)

    def append(self, feed: str, partition: str, updates: Updates, at: float, through: float) -> None:
        """Adds the updates that a partition made ``at`` a moment, of data until ``through``, by an atomic rename."""
        target = self._file(feed, partition)
        target.parent.mkdir(exist_ok=True)
        draft = target.with_suffix(".tmp")
        table = log_rows([(updates, at, through)]).replace_schema_metadata({_AT: repr(at).encode()})
        write_whole(table, draft)
        draft.replace(target)

    def has(self, feed: str, partition: str) -> bool:
        """Whether the partition is in the log."""
        return self._file(feed, partition).exists()

    def partitions(self, feed: str) -> list[str]:
        """The partitions of a feed that are in the log, in the order of their names."""
        return sorted(file.stem for file in (self._folder / feed).glob("*.parquet"))

    def written_at(self, feed: str, partition: str) -> float:
        """When the partition's values were written, in epoch seconds."""
        return float(pq.read_schema(self._file(feed, partition)).metadata[_AT])

    def read(self) -> pa.Table:
        """The whole log, by feed and partition."""
        tables = self._tables.all(sorted(self._folder.glob("*/*.parquet")))
        return pa.concat_tables([_SCHEMA.empty_table(), *tables]).combine_chunks()

    def _file(self, feed: str, partition: str) -> Path:
        return self._folder / feed / f"{partition}.parquet"


def _table(file: Path) -> pa.Table:
    return open_whole(file).read(use_threads=False).replace_schema_metadata()


def as_of(
    log: pa.Table, keys: Mapping[str, Sequence[str]], moments: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """The store's features of each row as of its moment.

    ``keys`` gives the entity of each row for each kind of view; ``moments`` are epoch seconds. Returns one float array
    a feature (``weather.temp``), NaN where the store had nothing or had let it expire, and then one a live view with
    its age in seconds (``age.weather``).
    """
    features: dict[str, NDArray[np.float64]] = {}
    ages: dict[str, NDArray[np.float64]] = {}
    for kind, view in VIEWS.items():
        part = log.filter(pc.equal(log["kind"], kind))
        rows = _latest(part, keys[kind], moments, math.inf if view.ttl_s is None else view.ttl_s)
        found = rows >= 0
        for i, name in enumerate(view.features):
            features[f"{kind}.{name}"] = _picked(part[f"v{i}"].to_numpy(), rows, found)
        if kind in LIVE_VIEWS:
            ages[f"age.{kind}"] = moments - _picked(part["through"].to_numpy(), rows, found)
    return features | ages


def _picked(values: NDArray[np.float64], rows: NDArray[np.int64], found: NDArray[np.bool_]) -> NDArray[np.float64]:
    picked = np.full(len(rows), np.nan)
    picked[found] = values[rows[found]]
    return picked


def _latest(part: pa.Table, entities: Sequence[str], moments: NDArray[np.float64], ttl_s: float) -> NDArray[np.int64]:
    """For each (entity, moment) the row of the newest value at or before it; -1 for none or expired."""
    if part.num_rows == 0:
        return np.full(len(moments), -1, dtype=np.int64)
    names = part["entity"].combine_chunks().dictionary_encode()
    codes = names.indices.to_numpy().astype(np.int64)
    at = part["at"].to_numpy()
    # Ranks instead of times, so that (entity, time) sorts as one whole number and nothing is rounded.
    instants = np.unique(at)
    composite = codes * len(instants) + np.searchsorted(instants, at)
    order = np.argsort(composite, kind="stable")
    slots = pc.fill_null(pc.index_in(pa.array(entities, pa.string()), names.dictionary), -1).to_numpy().astype(np.int64)
    ranks = np.searchsorted(instants, moments, side="right") - 1  # the newest instant at or before
    position = np.searchsorted(composite[order], slots * len(instants) + ranks, side="right") - 1
    rows = order[np.maximum(position, 0)]
    known = (slots >= 0) & (position >= 0) & (codes[rows] == slots)
    age_s = moments - at[rows]
    return np.where(known & (age_s >= 0) & (age_s < ttl_s), rows, -1)


def entity_columns(flights: Mapping[str, Sequence[Any]]) -> dict[str, list[str]]:
    """The entity of each flight for each kind of view."""
    origins = [entity_name(value) for value in flights["origin"]]
    tails = [entity_name(value) or "-" for value in flights["tailnum"]]
    return {
        "origin": origins,
        "dest": [entity_name(value) for value in flights["dest"]],
        "carrier": [entity_name(value) for value in flights["carrier"]],
        "tail": tails,
        "weather": origins,
        "plane": tails,
    }
