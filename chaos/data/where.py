"""Where a fault hits: conditions on a row that any fault of cells or rows takes, as plain parameters.

A condition looks at one row only, against limits that are written down with it and never computed from the rows at
hand. That is why a fault hits the same rows in one big table and in many small batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from sys import float_info
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from chaos.fault import ColumnKind


def _as_python(given: Any) -> Any:
    """Numbers of other kinds (numpy's, decimals) as Python's, with every digit; raises ``ValueError`` if some are lost.

    >>> _as_python(Decimal(2**60 + 1)) == 2**60 + 1, _as_python(Decimal("1.50"))
    (True, 1.5)
    """
    if hasattr(given, "dtype") and hasattr(given, "item") and not getattr(given, "shape", ()):
        given = given.item()
    if isinstance(given, Decimal) and given.is_finite():
        if given == given.to_integral_value():
            given = int(given)
        elif Decimal(repr(float(given))) != given:
            raise ValueError(f"expected no more digits than a float keeps, got {given}")
        else:
            given = float(given)
    if isinstance(given, int) and not isinstance(given, bool) and abs(given) > float_info.max:
        raise ValueError(f"expected a number that a float can be as large as, got one of {len(str(given))} digits")
    return given


#: A flag, a number or a text, as it is written.
Scalar = Annotated[bool | int | float | str, BeforeValidator(_as_python)]


def kind_of(item: Scalar) -> str:
    """Whether a value is a flag, a number or text."""
    return "flag" if isinstance(item, bool) else "text" if isinstance(item, str) else "number"


def _one_kind(items: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    if len({kind_of(item) for item in items}) > 1:
        raise ValueError(f"expected values of one kind, got {', '.join(repr(item) for item in items)}")
    return items


#: Values of one kind: flags, numbers or texts.
Scalars = Annotated[tuple[Scalar, ...], AfterValidator(_one_kind)]


#: A number that is kept as it is written: a large whole one is no float.
Limit = Annotated[int | float, BeforeValidator(_as_python), WithJsonSchema({"type": "number"})]


class Condition(BaseModel):
    """One condition. Exactly one kind: ``among``, ``missing``, ``above``/``below``, ``rising``, ``after``/``before``.

    >>> Condition(column="origin", among=("JFK",)).kind()
    <ColumnKind.ANY: 'any'>
    >>> Condition(rising=(60.0, 90.0)).kind()
    <ColumnKind.NUMBER: 'number'>
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    column: str | None = Field(default=None, description="The column that decides; by default the one that changes.")
    among: Scalars | None = Field(default=None, min_length=1, description="Its value is one of these.")
    missing: bool | None = Field(default=None, description="It has no value (true), or has one (false).")
    above: Limit | None = Field(default=None, description="Its value is greater than this.")
    below: Limit | None = Field(default=None, description="Its value is less than this.")
    rising: tuple[Limit, Limit] | None = Field(
        default=None,
        description="The rate grows evenly from 0 at the first value to its full size at the second, which may be "
        "the smaller one.",
    )
    after: str | None = Field(default=None, description="Its time is this or later (ISO 8601; UTC unless it says).")
    before: str | None = Field(default=None, description="Its time is earlier than this (ISO 8601).")

    @model_validator(mode="after")
    def _one_kind(self) -> Condition:
        kinds = [
            self.among is not None,
            self.missing is not None,
            self.above is not None or self.below is not None,
            self.rising is not None,
            self.after is not None or self.before is not None,
        ]
        if sum(kinds) != 1:
            raise ValueError("expected exactly one of among, missing, above/below, rising, after/before")
        if self.rising is not None and self.rising[0] == self.rising[1]:
            raise ValueError(f"expected two different values in rising, got {self.rising[0]!r} twice")
        for stamp in (self.after, self.before):
            if stamp is not None:
                check_stamp(stamp)
        return self

    def kind(self) -> ColumnKind:
        """What the column must hold."""
        if self.above is not None or self.below is not None or self.rising is not None:
            return ColumnKind.NUMBER
        return ColumnKind.TIME if self.after is not None or self.before is not None else ColumnKind.ANY


def check_stamp(text: str) -> None:
    """Raises ``ValueError`` unless the text is a time in ISO 8601."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"expected a time such as 2013-01-31T06:00:00Z, got {text!r}") from None


def _as_tuple(given: Any) -> Any:
    return (given,) if isinstance(given, Mapping | Condition) else given


#: Conditions that must all hold; one may be given without brackets.
Where = Annotated[tuple[Condition, ...], BeforeValidator(_as_tuple)]


def where_refs(where: Where) -> Iterator[tuple[str, str, ColumnKind]]:
    """(parameter, column, kind) of each column that the conditions name, as `Fault.column_refs`."""
    for condition in where:
        if condition.column is not None:
            yield "where", condition.column, condition.kind()


def require_different(items: Sequence[Scalar], what: str) -> None:
    """Raises ``ValueError`` if two of the given values are the same, or of different kinds."""
    _one_kind(tuple(items))
    if len(set(items)) < len(items):
        raise ValueError(f"expected {what} to be different, got {', '.join(repr(item) for item in items)}")


#: Other values of the same kind, to fill a column with when a fault is checked.
OTHERS: Mapping[type, Sequence[Scalar]] = {bool: (True, False), int: (11, -12), float: (11.5, -12.5), str: ("p", "q")}


def typical_of(where: Where) -> Mapping[str, Sequence[Any]]:
    """Values that meet conditions on named columns, and some that do not, to check a fault with."""
    found: dict[str, list[Any]] = {}
    for condition in where:
        if condition.column is None:
            continue
        if condition.among is not None:
            found[condition.column] = [*condition.among, *OTHERS[type(condition.among[0])]]
        limits = [limit for limit in (condition.above, condition.below, *(condition.rising or ())) if limit is not None]
        if limits:
            found[condition.column] = [sum(limits) / len(limits), min(limits) - 1.5, max(limits) + 1.5]
    return found
