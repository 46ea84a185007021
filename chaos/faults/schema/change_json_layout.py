"""schema.change_json_layout"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from chaos.errors import InvalidFault, PayloadError, Problem
from chaos.fault import PayloadFault
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.gateway.batch import BatchRef

__all__ = ["ChangeJsonLayout"]

Records = Sequence[Mapping[str, Any]]


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _lines(records: Records) -> str:
    return "".join(_compact(record) + "\n" for record in records)


def _columns(records: Records) -> str:
    names = dict.fromkeys(name for record in records for name in record)
    return _compact({name: [record.get(name) for record in records] for name in names})


_LAYOUTS: Mapping[str, Callable[[Records], str]] = {
    "lines": _lines,
    "wrapped": lambda records: _compact({"data": records, "count": len(records)}),
    "columns": _columns,
    "arrays": lambda records: _compact([list(record.values()) for record in records]),
}


@register
class ChangeJsonLayout(PayloadFault):
    """A producer arranges its JSON in another way; every value is still there. Acts on JSON.

    ``lines``: an object a line instead of an array; ``wrapped``: the array is a field ``data`` of an object;
    ``columns``: an array a column; ``arrays``: records as arrays, without names.

    >>> from chaos.gateway.batch import BatchRef
    >>> ref = BatchRef("b", "flights", 0, 0, 60, 60.0, 2, {}, "json", "")
    >>> ChangeJsonLayout(to="lines").mangle(b'[{"flight":1},{"flight":2}]', ref, seed=7)
    b'{"flight":1}\\n{"flight":2}\\n'
    """

    name: ClassVar[str] = "schema.change_json_layout"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = ("feed:flights", {"to": "lines"})

    to: Literal["lines", "wrapped", "columns", "arrays"] = Field(default="lines", description="The new layout.")

    def mangle(self, payload: bytes, ref: BatchRef, *, seed: int) -> bytes:
        if ref.format != "json":
            raise InvalidFault(self.name, [Problem("", f"acts on json, this batch is {ref.format}")])
        try:
            records = json.loads(payload)
        except (ValueError, RecursionError) as error:
            raise PayloadError(f"batch {ref.batch_id!r} is no readable json: {error}") from None
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise PayloadError(f"batch {ref.batch_id!r}: expected a JSON array of objects")
        return _LAYOUTS[self.to](records).encode()
