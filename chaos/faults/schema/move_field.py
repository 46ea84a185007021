"""schema.move_field"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_rewrite import require_values
from chaos.errors import InvalidFault, Problem
from chaos.fault import ColumnRef, PayloadFault
from chaos.registry import register

if TYPE_CHECKING:
    from chaos.data.ledger import Corruption
    from chaos.gateway.batch import Batch

__all__ = ["MoveField"]


@register
class MoveField(PayloadFault):
    """A field moves within the structure of a record: into an object, or out of one.

    With ``into`` the column becomes a field of a new object (in CSV, which has none, its name becomes ``into.column``).
    With ``field`` the column is an object already, and that field of it moves up to the record itself; a column without
    objects stays, and the fault is inert.

    >>> import pyarrow as pa
    >>> from chaos.gateway.batch import Batch
    >>> batch = Batch.of(pa.table({"origin": ["JFK"], "temp": [39.0]}))
    >>> nested, _ = MoveField(column="temp", into="measured").corrupt(batch, seed=7)
    >>> nested.table.to_pylist()
    [{'origin': 'JFK', 'measured': {'temp': 39.0}}]
    >>> MoveField(column="measured", field="temp").corrupt(nested, seed=7)[0].table.to_pylist()
    [{'origin': 'JFK', 'measured': {}, 'temp': 39.0}]
    """

    reshapes: ClassVar[bool] = True
    name: ClassVar[str] = "schema.move_field"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:flights",
        {"column": "dep_delay", "into": "delays"},
    )

    column: Annotated[str, ColumnRef()] = Field(description="The column that moves, or that something moves out of.")
    into: str | None = Field(default=None, min_length=1, description="The object that the column moves into.")
    field: str | None = Field(default=None, min_length=1, description="The field that moves out of the column.")

    @model_validator(mode="after")
    def _one_way(self) -> MoveField:
        if (self.into is None) == (self.field is None):
            raise ValueError(f"expected either into or field, got into={self.into!r} and field={self.field!r}")
        return self

    def corrupt(self, batch: Batch, *, seed: int) -> tuple[Batch, Corruption | None]:
        require_values(self, batch)
        if self.into is not None:
            name = f"{self.into}.{self.column}" if batch.ref.format == "csv" else self.into
            _require_free(self.name, "into", name, batch)
            return self._nest(batch, name)
        assert self.field is not None
        _require_free(self.name, "field", self.field, batch)
        return self._lift(batch, self.field)

    def _nest(self, batch: Batch, name: str) -> tuple[Batch, Corruption]:
        import pyarrow as pa

        from chaos.data.column_rewrite import reshaped
        from chaos.data.columns import whole
        from chaos.data.ledger import rename

        table = batch.table
        if batch.ref.format != "csv":
            index = table.schema.get_field_index(self.column)
            nested = pa.StructArray.from_arrays([whole(table, self.column)], [self.column])
            table = table.set_column(index, self.column, nested)
        return reshaped(self.name, batch, rename(table, self.column, name))

    def _lift(self, batch: Batch, field: str) -> tuple[Batch, Corruption]:
        import pyarrow as pa
        import pyarrow.compute as pc

        from chaos.data.column_rewrite import reshaped
        from chaos.data.columns import whole

        table, values = batch.table, whole(batch.table, self.column)
        if not pa.types.is_struct(values.type):
            return reshaped(self.name, batch, table)  # nothing to move out: inert
        inner = list(values.type)
        if field not in (f.name for f in inner):
            names = ", ".join(f.name for f in inner)
            raise InvalidFault(self.name, [Problem("field", f"no field {field!r} in {self.column!r}; it has {names}")])
        others = [f for f in inner if f.name != field]
        left = pa.StructArray.from_arrays(
            [pc.struct_field(values, f.name) for f in others], fields=others, mask=values.is_null()
        )
        if not others:  # Arrow cannot tell the length of objects without fields
            left = pa.array([None if v is None else {} for v in values.to_pylist()], pa.struct([]))
        index = table.schema.get_field_index(self.column)
        table = table.set_column(index, self.column, left)
        return reshaped(self.name, batch, table.add_column(index + 1, field, pc.struct_field(values, field)))


def _require_free(fault: str, param: str, name: str, batch: Batch) -> None:
    if name in batch.names:
        raise InvalidFault(fault, [Problem(param, f"there is a column {name!r} already")])
