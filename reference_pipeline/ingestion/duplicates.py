"""Which rows of a feed have been seen before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from reference_pipeline.ingestion.contract import Contract, Rows

#: Keys that are remembered: about ten days of flights' events.
REMEMBERED = 20_000


class KeyMemory:
    """The keys of a feed's latest rows. A snapshot's keys are unique within the batch only."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._seen: dict[tuple[Any, ...], None] = {}

    def fresh(self, table: pa.Table, *, revision: bool = False) -> Rows:
        """True for each row whose key is new; a ``revision`` may repeat what earlier batches held."""
        known = {} if revision or self._contract.mode == "snapshot" else self._seen
        here: dict[tuple[Any, ...], None] = {}
        fresh = np.ones(len(table), dtype=np.bool_)
        for row, key in enumerate(self._keys(table)):
            fresh[row] = key not in known and key not in here
            here[key] = None
        return fresh

    def remember(self, table: pa.Table) -> None:
        """Takes the keys of rows that were accepted; forgets the oldest ones."""
        if self._contract.mode == "snapshot":
            return
        self._seen.update(dict.fromkeys(self._keys(table)))
        while len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def _keys(self, table: pa.Table) -> Iterator[tuple[Any, ...]]:
        return zip(*(table[name].to_pylist() for name in self._contract.keys), strict=True)
