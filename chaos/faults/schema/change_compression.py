"""schema.change_compression"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from chaos.errors import PayloadError
from chaos.fault import PayloadFault
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.gateway.batch import BatchRef

__all__ = ["ChangeCompression"]


@register
class ChangeCompression(PayloadFault):
    """A producer compresses in another way and tells nobody: a CSV or JSON arrives as compressed bytes.

    A Parquet file stays a Parquet file; its pages use the other codec, which not every reader was built with.

    >>> from chaos.gateway.batch import BatchRef
    >>> ref = BatchRef("b", "weather", 0, 0, 60, 60.0, 1, {}, "csv", "")
    >>> ChangeCompression(codec="gzip").mangle(b"origin,temp\\n", ref, seed=7)[:2]
    b'\\x1f\\x8b'
    """

    name: ClassVar[str] = "schema.change_compression"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"codec": "gzip"})

    codec: Literal["gzip", "zstd", "brotli", "lz4", "none"] = Field(default="gzip", description="The codec.")

    def mangle(self, payload: bytes, ref: BatchRef, *, seed: int) -> bytes:
        import pyarrow as pa

        if ref.format == "parquet":
            return self._parquet(payload, ref)
        if self.codec == "none":
            return payload
        if self.codec == "gzip":
            return gzip.compress(payload, mtime=0)
        return bytes(pa.Codec(self.codec).compress(payload))

    def _parquet(self, payload: bytes, ref: BatchRef) -> bytes:
        import io

        import pyarrow as pa
        import pyarrow.parquet as pq

        out = io.BytesIO()
        try:
            table = pq.read_table(io.BytesIO(payload), use_threads=False)
            pq.write_table(table, out, compression=self.codec)
        except (pa.ArrowException, OSError) as error:
            raise PayloadError(f"batch {ref.batch_id!r} is no readable parquet: {error}") from None
        return out.getvalue()
