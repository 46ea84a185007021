"""schema.add_column"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from chaos.errors import InvalidFault, Problem
from chaos.fault import PayloadFault
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.data.ledger import Corruption
    from chaos.gateway.batch import Batch

__all__ = ["AddColumn"]


@register
class AddColumn(PayloadFault):
    """A producer sends a column that nobody asked for.

    At the end it is harmless to whoever reads by name; at the start it shifts every column for whoever reads by
    position.

    >>> import pyarrow as pa, chaos
    >>> fault = AddColumn(to="station", value="KJFK")
    >>> chaos.inject(pa.table({"temp": [39.0]}), fault, seed=7).to_pydict()
    {'temp': [39.0], 'station': ['KJFK']}
    """

    reshapes: ClassVar[bool] = True
    reads: ClassVar[bool] = False
    name: ClassVar[str] = "schema.add_column"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"to": "station_height", "value": 4.0, "place": "start"},
    )

    to: str = Field(min_length=1, description="The new column's name.")
    value: float | str | None = Field(default=None, description="What stands in every row of it.")
    place: Literal["end", "start"] = Field(default="end", description="Where it stands among the others.")

    def corrupt(self, batch: Batch, *, seed: int) -> tuple[Batch, Corruption | None]:
        import pyarrow as pa

        from chaos.data.column_rewrite import reshaped

        table = batch.table
        if self.to in batch.names:
            raise InvalidFault(self.name, [Problem("to", f"there is a column {self.to!r} already")])
        kind = pa.float64() if isinstance(self.value, float) else pa.string()
        values = pa.array([self.value] * table.num_rows, kind)
        index = len(batch.names) if self.place == "end" else 0
        return reshaped(self.name, batch, table.add_column(index, pa.field(self.to, kind), values))
