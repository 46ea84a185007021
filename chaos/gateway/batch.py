"""A batch: a table with its manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chaos.errors import PayloadError
from chaos.gateway.column_types import type_name

#: Field metadata: the name that the manifest had for the column's type.
DECLARED = b"declared"
#: A column that travels with the rows and is no part of the data: which fields each record lacks (see `formats`).
ABSENT = "\x00absent"
#: Rows that a batch may have before its sequence would run into the next one's row ids.
_ROWS_PER_BATCH = 1 << 32

_REQUIRED = (
    *("batch_id", "feed", "sequence", "window_start", "window_end", "produced_at"),
    *("rows", "columns", "format", "sha256"),
)


@dataclass(frozen=True, slots=True)
class BatchRef:
    """A manifest, and what only the gateway knows of the batch.

    ``source_id`` is the upstream batch that the payload comes from, if it is another one, and ``source_age_s`` how
    many seconds older than this batch's window its data is. ``made_at`` is when the batch was really produced, if
    ``produced_at`` no longer says so.
    """

    batch_id: str
    feed: str
    sequence: int
    window_start: Any
    window_end: Any
    produced_at: float
    rows: int
    columns: Mapping[str, str]
    format: str
    sha256: str
    contract_version: Any = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    source_id: str | None = None
    source_age_s: float = 0.0
    made_at: float | None = None

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> BatchRef:
        """Read a manifest, keeping what it does not know; raises `PayloadError` naming what is missing or wrong."""
        missing = [name for name in _REQUIRED if name not in raw]
        if missing:
            raise PayloadError(f"manifest {raw.get('batch_id', '?')!r} lacks {', '.join(missing)}")
        known = {name: raw[name] for name in (*_REQUIRED, "contract_version") if name in raw}
        for name, kinds in _KINDS.items():
            if isinstance(known[name], bool) or not isinstance(known[name], kinds):
                raise PayloadError(f"manifest {raw['batch_id']!r}: {name} is {known[name]!r}")
        extra = {name: value for name, value in raw.items() if name not in known}
        return cls(**known, extra=extra)

    def to_json(self) -> dict[str, Any]:
        """The manifest as JSON."""
        known = {name: getattr(self, name) for name in (*_REQUIRED, "contract_version")}
        known["columns"] = dict(self.columns)
        return known | dict(self.extra)

    @property
    def published_at(self) -> float:
        """When the batch was really produced (epoch seconds), whatever its stamp says."""
        return self.produced_at if self.made_at is None else self.made_at

    @property
    def first_row(self) -> int:
        """The id of the batch's first row: where the feed says it is, else a place of its own by sequence."""
        offset = self.extra.get("row_offset")
        return int(offset) if offset is not None else self.sequence * _ROWS_PER_BATCH

    def holding(self, other: BatchRef) -> BatchRef:
        """This batch with another one's data in it.

        >>> new, old = (BatchRef(str(t), "weather", t, t, t + 60, t + 60, 3, {}, "csv", "") for t in (600, 0))
        >>> held = new.holding(old)
        >>> held.batch_id, held.source_id, held.source_age_s
        ('600', '0', 600.0)
        """
        return replace(
            self,
            source_id=other.source_id or other.batch_id,
            source_age_s=other.source_age_s + self._age_of(other),
            rows=other.rows,
            columns=other.columns,
            sha256=other.sha256,
        )

    def _age_of(self, other: BatchRef) -> float:
        """How many seconds another batch's window lies before this one's.

        Publication times, each late by a few seconds of its own, stand in where windows are no numbers.
        """
        windows = (self.window_start, other.window_start)
        if all(isinstance(start, (int, float)) for start in windows):
            return float(windows[0] - windows[1])
        return self.published_at - other.published_at

    def describing(self, table: pa.Table, payload: bytes) -> BatchRef:
        """The manifest that a producer of this table, written as this payload, would have made."""
        columns = {
            f.name: (f.metadata or {}).get(DECLARED, b"").decode() or type_name(f.type)
            for f in table.schema
            if f.name != ABSENT
        }
        return replace(self, rows=table.num_rows, columns=columns).sealing(payload)

    def sealing(self, payload: bytes) -> BatchRef:
        """The manifest with the checksum of this payload."""
        return replace(self, sha256=hashlib.sha256(payload).hexdigest())


_KINDS: Mapping[str, Any] = {
    "batch_id": str,
    "sequence": int,
    "produced_at": (int, float),
    "rows": int,
    "columns": dict,
    "format": str,
}


@dataclass(frozen=True, slots=True)
class Batch:
    """A table and the manifest it came with.

    ``compression`` is the Parquet codec of each column, where known. ``digits`` are, for columns that were decimals as
    Python objects, those that each value has behind the point, or -1 for none: the table's type has the most of them.
    """

    table: pa.Table
    ref: BatchRef
    compression: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    digits: Mapping[str, NDArray[np.int64]] = field(default_factory=dict, kw_only=True)

    def with_table(self, table: pa.Table) -> Batch:
        """The batch with another table, which need not have the same values."""
        return self if table is self.table else replace(self, table=table, digits={})

    @property
    def names(self) -> list[str]:
        """The columns of the data, in order."""
        return [name for name in self.table.schema.names if name != ABSENT]

    def column_types(self) -> dict[str, str]:
        """{column: type} of the table as it is now."""
        return {f.name: type_name(f.type) for f in self.table.schema if f.name != ABSENT}

    @classmethod
    def of(cls, table: pa.Table, *, feed: str = "frame", first_row: int = 0) -> Batch:
        """A batch around a table that has no manifest."""
        columns = {f.name: type_name(f.type) for f in table.schema}
        extra = {"row_offset": first_row}
        return cls(table, BatchRef("", feed, 0, None, None, 0.0, table.num_rows, columns, "table", "", None, extra))
