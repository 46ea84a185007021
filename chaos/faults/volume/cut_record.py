"""volume.cut_record"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from chaos.fault import PayloadFault
from chaos.registry import register
from chaos.rng import uniform

if TYPE_CHECKING:
    from chaos.gateway.batch import BatchRef

__all__ = ["CutRecord"]


@register
class CutRecord(PayloadFault):
    """A file ends in the middle of a record, as when a process dies while it writes or a reader comes too early.

    A CSV ends within its last line, which may still parse, with fewer fields or a shorter number: 39.02 becomes 3. A
    JSON array ends within an object; a Parquet file, whose records lie by column, within its data and without a footer.

    >>> from chaos.gateway.batch import BatchRef
    >>> ref = BatchRef("b", "weather", 0, 0, 60, 60.0, 1, {}, "csv", "")
    >>> CutRecord().mangle(b"origin,temp\\nJFK,39.02\\nLGA,41.0\\n", ref, seed=7)
    b'origin,temp\\nJFK,39.02\\nL'
    """

    name: ClassVar[str] = "volume.cut_record"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {})

    keep: float = Field(default=1.0, gt=0.0, le=1.0, description="The share of records before the cut, whole or cut.")
    share_of_batches: float = Field(default=1.0, ge=0.0, le=1.0, description="How many batches are hit, each drawn.")

    def share(self) -> float:
        return self.share_of_batches

    def mangle(self, payload: bytes, ref: BatchRef, *, seed: int) -> bytes:
        if uniform(seed, self.name, ref.batch_id) >= self.share_of_batches:
            return payload
        start, end = self._record(payload, ref.format)
        if end - start < 2:
            return payload  # no record to cut
        return payload[: start + 1 + int(uniform(seed, self.name, "place", ref.batch_id) * (end - start - 1))]

    def _record(self, payload: bytes, kind: str) -> tuple[int, int]:
        """Where the record to cut starts and ends, in bytes."""
        if kind not in ("csv", "json"):
            end = max(round(len(payload) * self.keep), 2)
            return end // 2, end
        spans = _lines(payload)[1:] if kind == "csv" else _objects(payload)
        return spans[max(round(len(spans) * self.keep), 1) - 1] if spans else (0, 0)


def _lines(payload: bytes) -> list[tuple[int, int]]:
    """Each line of a CSV, the header first; a line break within quotes ends none."""
    spans, start, quoted = [], 0, False
    for place, byte in enumerate(payload):
        if byte == ord('"'):
            quoted = not quoted
        elif byte == ord("\n") and not quoted:
            spans.append((start, place))
            start = place + 1
    return spans


def _objects(payload: bytes) -> list[tuple[int, int]]:
    """Each object of the array, from brace to brace."""
    spans, start, depth, quoted, escaped = [], 0, 0, False, False
    for place, byte in enumerate(payload):
        if quoted:
            quoted, escaped = escaped or byte != ord('"'), byte == ord("\\") and not escaped
        elif byte == ord('"'):
            quoted = True
        elif byte == ord("{"):
            start, depth = (start if depth else place), depth + 1
        elif byte == ord("}"):
            depth -= 1
            if depth == 0:
                spans.append((start, place + 1))
    return spans
