"""data.unit_change"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from chaos.data.column_fault import ColumnFault
from chaos.data.units import CONVERSIONS, exact_conversion
from chaos.data.where import Limit
from chaos.errors import suggestion
from chaos.fault import ColumnKind, ColumnRef
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

    from chaos.data.cells import Victims

__all__ = ["UnitChange"]


@register
class UnitChange(ColumnFault):
    """A number is sent in another unit, and nothing says so.

    Give ``conversion`` by name, or ``factor`` and ``offset``: the new value is ``value * factor + offset``. Columns
    of whole numbers stay whole (rounded) and within their type; decimals keep all digits that their scale has.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"temp": [32.0, 212.0]})
    >>> hot = chaos.inject(table, "data.unit_change", column="temp", conversion="fahrenheit_to_kelvin", seed=7)
    >>> [round(value, 2) for value in hot["temp"].to_pylist()]
    [273.15, 373.15]
    """

    name: ClassVar[str] = "data.unit_change"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"column": "temp", "conversion": "fahrenheit_to_celsius"},
    )

    column: Annotated[str, ColumnRef(ColumnKind.NUMBER)] = Field(description="The column to change, of numbers.")
    rate: float = Field(
        default=1.0,
        ge=0.0,
        le=1.0,
        description="The share of rows sent in the other unit; below 1, units are mixed.",
    )
    conversion: str | None = Field(
        default=None,
        json_schema_extra={"enum": [*sorted(CONVERSIONS), None]},
        description="A conversion by name, such as fahrenheit_to_celsius, miles_to_km or knots_to_mph.",
    )
    factor: Limit | None = Field(default=None, description="What to multiply by, if no conversion is named.")
    offset: Limit | None = Field(default=None, description="What to add after multiplying, if no conversion is named.")

    @model_validator(mode="after")
    def _one_of(self) -> UnitChange:
        by_numbers = self.factor is not None or self.offset is not None
        if self.conversion is None and not by_numbers:
            raise ValueError("expected a conversion, or a factor and/or an offset")
        if self.conversion is not None and by_numbers:
            raise ValueError("expected either a conversion or a factor and an offset, got both")
        if self.conversion is not None and self.conversion not in CONVERSIONS:
            hint = suggestion(self.conversion, CONVERSIONS) or f" Conversions: {', '.join(sorted(CONVERSIONS))}."
            raise ValueError(f"unknown conversion {self.conversion!r}.{hint}")
        return self

    def change(self, values: pa.Array, victims: Victims) -> pa.Array:
        from chaos.data.affine import affine

        if self.conversion is None:
            return affine(values, 1.0 if self.factor is None else self.factor, self.offset or 0.0)
        return affine(values, *CONVERSIONS[self.conversion], exact=exact_conversion(self.conversion))
