"""schema.change_delimiter"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from chaos.errors import InvalidFault, PayloadError, Problem
from chaos.fault import PayloadFault
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.gateway.batch import BatchRef

__all__ = ["ChangeDelimiter"]

_SIGNS: Mapping[str, str] = {"semicolon": ";", "tab": "\t", "pipe": "|", "space": " "}


@register
class ChangeDelimiter(PayloadFault):
    """A producer separates the fields of its CSV with another sign than the comma. Quotes are set where they must be.

    Acts on CSV.

    >>> from chaos.gateway.batch import BatchRef
    >>> ref = BatchRef("b", "weather", 0, 0, 60, 60.0, 1, {}, "csv", "")
    >>> ChangeDelimiter(to="semicolon").mangle(b"origin,temp\\nJFK,39.0\\n", ref, seed=7)
    b'origin;temp\\nJFK;39.0\\n'
    """

    name: ClassVar[str] = "schema.change_delimiter"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:weather", {"to": "semicolon"})

    to: Literal["semicolon", "tab", "pipe", "space"] = Field(default="semicolon", description="The new sign.")

    def mangle(self, payload: bytes, ref: BatchRef, *, seed: int) -> bytes:
        if ref.format != "csv":
            raise InvalidFault(self.name, [Problem("", f"acts on csv, this batch is {ref.format}")])
        out = io.StringIO(newline="")
        try:
            lines = csv.reader(io.StringIO(payload.decode(), newline=""), strict=True)
            csv.writer(out, delimiter=_SIGNS[self.to], lineterminator="\n").writerows(lines)
        except (UnicodeDecodeError, csv.Error) as error:
            raise PayloadError(f"batch {ref.batch_id!r} is no readable csv: {error}") from None
        return out.getvalue().encode()
