"""The offline store: every value that the online store ever had, and when; read back as of a moment.

Point-in-time correct: a training row sees the value that was available when its prediction would have been asked for,
never a later one, and never one that the online store would have let expire.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from reference_pipeline.features.definitions import LIVE_VIEWS, VIEWS
from reference_pipeline.features.windows import Updates

_SLOTS = max(len(view.features) for view in VIEWS.values())
_SCHEMA = pa.schema(
    [("kind", pa.string()), ("entity", pa.string()), ("at", pa.float64())]
    + [(f"v{i}", pa.float64()) for i in range(_SLOTS)]
)


def log_rows(written: Iterable[tuple[Updates, float]]) -> pa.Table:
    """Updates and when they were written, as rows of the log: kind, entity, at, and the view's values in order."""
    kinds: list[str] = []
    entities: list[str] = []
    moments: list[float] = []
    slots: list[list[float | None]] = [[] for _ in range(_SLOTS)]
    for updates, at in written:
        moments.extend([at] * len(updates))
        for (kind, entity), values in updates.items():
            kinds.append(kind)
            entities.append(entity)
            row = [*values.values()]
            row.extend([None] * (_SLOTS - len(row)))
            for slot, value in zip(slots, row, strict=True):
                slot.append(value)
    return pa.table([kinds, entities, moments, *slots], schema=_SCHEMA)


class OfflineLog:
    """An append-only folder of Parquet files, one an update."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def append(self, updates: Updates, at: float, batch_id: str) -> None:
        """Adds the updates of one batch; the same batch again replaces its file."""
        if updates:
            target = self._folder / f"{batch_id}.parquet"
            draft = target.with_suffix(".tmp")
            pq.write_table(log_rows([(updates, at)]), draft)
            draft.replace(target)

    def read(self) -> pa.Table:
        """The whole log, in no particular order."""
        files = sorted(self._folder.glob("*.parquet"))
        if not files:
            return _SCHEMA.empty_table()
        return pa.concat_tables([pq.ParquetFile(file).read(use_threads=False) for file in files])


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
    kinds = np.asarray(log["kind"].to_pylist(), dtype=object)
    for kind, view in VIEWS.items():
        part = log.filter(pa.array(kinds == kind)) if len(kinds) else log
        rows = _latest(part, keys[kind], moments, view.ttl_s)
        found = rows >= 0
        for i, name in enumerate(view.features):
            values = np.full(len(moments), np.nan)
            if found.any():
                values[found] = part[f"v{i}"].to_numpy()[rows[found]]
            features[f"{kind}.{name}"] = values
        if kind in LIVE_VIEWS:
            ages[f"age.{kind}"] = np.full(len(moments), np.nan)
            if found.any():
                ages[f"age.{kind}"][found] = moments[found] - part["at"].to_numpy()[rows[found]]
    return features | ages


def _latest(part: pa.Table, entities: Sequence[str], moments: NDArray[np.float64], ttl_s: float) -> NDArray[np.int64]:
    """For each (entity, moment) the row of the newest value at or before it; -1 for none or expired."""
    if part.num_rows == 0:
        return np.full(len(moments), -1, dtype=np.int64)
    vocabulary, codes = np.unique(np.asarray(part["entity"].to_pylist(), dtype=str), return_inverse=True)
    at_ms = np.round(part["at"].to_numpy() * 1000).astype(np.int64)
    stride = np.int64(10**13)  # beyond any epoch in milliseconds, so that (entity, time) sorts as one number
    composite = codes.astype(np.int64) * stride + at_ms
    order = np.argsort(composite, kind="stable")
    wanted = np.asarray(entities, dtype=str)
    slots = np.minimum(np.searchsorted(vocabulary, wanted), len(vocabulary) - 1)
    known = vocabulary[slots] == wanted
    moments_ms = np.round(moments * 1000).astype(np.int64)
    position = np.searchsorted(composite[order], slots * stride + moments_ms, side="right") - 1
    rows = order[np.maximum(position, 0)]
    age_ms = moments_ms - at_ms[rows]
    valid = known & (position >= 0) & (codes[rows] == slots) & (age_ms >= 0) & (age_ms < ttl_s * 1000)
    return np.where(valid, rows, -1)


def entity_columns(flights: Mapping[str, Sequence[Any]]) -> dict[str, list[str]]:
    """The entity of each flight for each kind of view."""
    tails = [tail or "-" for tail in flights["tailnum"]]
    origins = list(flights["origin"])
    return {
        "origin": origins,
        "dest": list(flights["dest"]),
        "carrier": list(flights["carrier"]),
        "tail": tails,
        "weather": origins,
        "plane": tails,
    }
