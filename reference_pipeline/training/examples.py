"""Training examples: one flight as it looked when its prediction would have been asked for, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reference_pipeline.features.definitions import CATEGORICAL, LEAD_S, STORE_FEATURES
from reference_pipeline.features.offline import as_of, entity_columns

Codes = Mapping[str, Mapping[str, int]]

RAW = ("flight_id", "carrier", "origin", "dest", "tailnum", "sched_dep", "distance")


def build_examples(flights: pa.Table, log: pa.Table) -> pa.Table:
    """Point-in-time examples of flights.

    ``flights`` has the columns `RAW`, ``known_at`` (epoch seconds) and ``late`` (0 or 1); ``log`` is the offline
    store's. The result adds ``t_pred`` and the store's features as of that moment.
    """
    moments = flights["sched_dep"].to_numpy().astype(float) - LEAD_S
    keys = entity_columns({name: flights[name].to_pylist() for name in ("origin", "dest", "carrier", "tailnum")})
    features = as_of(log, keys, moments)
    columns = {name: flights[name] for name in (*RAW, "known_at", "late")}
    return pa.table({**columns, "t_pred": moments, **features})


def codes_of(examples: pa.Table) -> dict[str, dict[str, int]]:
    """Numbers of the categories that occur, in alphabetical order."""
    return {
        name: {value: i for i, value in enumerate(sorted(pc.unique(examples[name]).drop_null().to_pylist()))}
        for name in CATEGORICAL
    }


def matrix(examples: pa.Table, codes: Codes) -> NDArray[np.float64]:
    """Examples in the order of `FEATURES`: rows x features, NaN for what is missing."""
    departs = examples["sched_dep"].to_numpy().astype(np.int64)
    columns: list[NDArray[np.float64]] = [
        (departs // 3600 % 24).astype(float),
        ((departs // 86400 + 3) % 7).astype(float),
        examples["distance"].to_numpy().astype(float),
    ]
    for name in CATEGORICAL:
        table = codes[name]
        dictionary = examples[name].combine_chunks().dictionary_encode()
        numbers = np.array([table.get(value, -1) for value in dictionary.dictionary.to_pylist()], dtype=float)
        columns.append(numbers[dictionary.indices.to_numpy(zero_copy_only=False)])
    columns.extend(examples[name].to_numpy() for name in STORE_FEATURES)
    return np.column_stack(columns)
