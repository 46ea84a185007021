"""volume.partial_file"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from chaos.fault import PayloadFault
from chaos.registry import register
from chaos.rng import uniform

if TYPE_CHECKING:
    from chaos.gateway.batch import BatchRef

__all__ = ["PartialFile"]


@register
class PartialFile(PayloadFault):
    """Part of a file's bytes is missing, wherever that may be: an upload that broke off, or a lost part of several.

    JSON and Parquet can no longer be read; of a CSV some rows are left, and one of them may be broken. The manifest has
    the checksum of the broken file and the rows of the whole one, as when a producer counts what it meant to write;
    with ``in_transit`` the checksum is the whole one's as well.

    >>> from chaos.gateway.batch import BatchRef
    >>> ref = BatchRef("b", "weather", 0, 0, 60, 60.0, 1, {}, "csv", "")
    >>> PartialFile(missing=0.5).mangle(b"origin,temp\\nJFK,39.0\\n", ref, seed=7)
    b'origin,temp'
    """

    name: ClassVar[str] = "volume.partial_file"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"missing": 0.5})

    missing: float = Field(default=0.5, gt=0.0, le=1.0, description="The share of bytes that is missing.")
    where: Literal["end", "start", "middle"] = Field(default="end", description="Which bytes.")
    share_of_batches: float = Field(default=1.0, ge=0.0, le=1.0, description="How many batches are hit, each drawn.")

    def share(self) -> float:
        return self.share_of_batches

    def mangle(self, payload: bytes, ref: BatchRef, *, seed: int) -> bytes:
        if uniform(seed, self.name, ref.batch_id) >= self.share_of_batches:
            return payload
        gone = round(len(payload) * self.missing)
        left = len(payload) - gone
        start = {"end": left, "start": 0, "middle": left // 2}[self.where]
        return payload[:start] + payload[start + gone :]
