"""schema.lose_header"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.errors import PayloadError
from chaos.fault import PayloadFault
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.gateway.batch import BatchRef

__all__ = ["LoseHeader"]


@register
class LoseHeader(PayloadFault):
    """The names of the columns are lost; the values are all there, in order.

    A CSV has no first line: a reader takes the first row of data for names. Records of JSON become arrays. Columns of
    Parquet are called ``_c0``, ``_c1`` and so on.

    >>> from chaos.gateway.batch import BatchRef
    >>> ref = BatchRef("b", "weather", 0, 0, 60, 60.0, 1, {}, "csv", "")
    >>> LoseHeader().mangle(b"origin,temp\\nJFK,39.0\\n", ref, seed=7)
    b'JFK,39.0\\n'
    """

    name: ClassVar[str] = "schema.lose_header"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:weather", {})

    def mangle(self, payload: bytes, ref: BatchRef, *, seed: int) -> bytes:
        if ref.format == "csv":
            return payload.partition(b"\n")[2]
        return _arrays(payload, ref) if ref.format == "json" else _numbered(payload, ref)


def _arrays(payload: bytes, ref: BatchRef) -> bytes:
    try:
        records = json.loads(payload)
        rows = [list(record.values()) for record in records]
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise PayloadError(f"batch {ref.batch_id!r} is no JSON array of objects: {error}") from None
    return json.dumps(rows, separators=(",", ":")).encode()


def _numbered(payload: bytes, ref: BatchRef) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    try:
        file = pq.ParquetFile(io.BytesIO(payload))
        table = file.read().rename_columns([f"_c{i}" for i in range(len(file.schema_arrow.names))])
        codec = file.metadata.row_group(0).column(0).compression.lower() if file.metadata.num_row_groups else "snappy"
        pq.write_table(table, out, compression="none" if codec == "uncompressed" else codec)
    except (pa.ArrowException, OSError) as error:
        raise PayloadError(f"batch {ref.batch_id!r} is no readable {ref.format}: {error}") from None
    return out.getvalue()
