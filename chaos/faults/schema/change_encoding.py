"""schema.change_encoding"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from chaos.errors import InvalidFault, PayloadError, Problem
from chaos.fault import PayloadFault
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.gateway.batch import BatchRef

__all__ = ["ChangeEncoding"]

_CODECS: Mapping[str, str] = {
    "latin-1": "latin-1",
    "cp1252": "cp1252",
    "utf-8-bom": "utf-8-sig",
    "utf-16": "utf-16",
}


@register
class ChangeEncoding(PayloadFault):
    """A producer writes its text in another encoding than UTF-8.

    ``utf-8-bom`` puts a byte order mark in front, which ends up in the name of a CSV's first column. What an encoding
    has no sign for becomes a question mark. Plain ASCII is the same in ``latin-1``, ``cp1252`` and UTF-8: then the
    fault is inert. In JSON, escapes such as ``\\u00e9`` are written as the characters that they stand for. Acts on CSV
    and JSON.

    >>> from chaos.gateway.batch import BatchRef
    >>> ref = BatchRef("b", "weather", 0, 0, 60, 60.0, 1, {}, "csv", "")
    >>> ChangeEncoding(to="latin-1").mangle("Montr\u00e9al\\n".encode(), ref, seed=7)
    b'Montr\\xe9al\\n'
    """

    name: ClassVar[str] = "schema.change_encoding"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:weather", {"to": "utf-8-bom"})

    to: Literal["latin-1", "cp1252", "utf-8-bom", "utf-16"] = Field(default="latin-1", description="The encoding.")

    def mangle(self, payload: bytes, ref: BatchRef, *, seed: int) -> bytes:
        if ref.format not in ("csv", "json"):
            raise InvalidFault(self.name, [Problem("", f"acts on csv and json, this batch is {ref.format}")])
        try:
            text = payload.decode()
            if ref.format == "json" and "\\u" in text:
                text = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
            return text.encode(_CODECS[self.to], errors="replace")
        except (ValueError, RecursionError) as error:
            raise PayloadError(f"batch {ref.batch_id!r} is no UTF-8 text: {error}") from None
