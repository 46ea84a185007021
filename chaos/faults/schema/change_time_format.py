"""schema.change_time_format"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from chaos.data.column_rewrite import ColumnRewrite
from chaos.fault import ColumnKind, ColumnRef
from chaos.registry import register

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ChangeTimeFormat"]

#: Day 0 of spreadsheets.
_EXCEL_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_NUMBERS: Mapping[str, Callable[[datetime], float]] = {
    "epoch_s": lambda at: at.timestamp(),
    "epoch_ms": lambda at: at.timestamp() * 1e3,
    "epoch_us": lambda at: at.timestamp() * 1e6,
    "epoch_2000_s": lambda at: at.timestamp() - 946_684_800,
    "excel_days": lambda at: (at - _EXCEL_EPOCH).total_seconds() / 86_400,
}
_TEXTS: Mapping[str, str] = {
    "no_zone": "%Y-%m-%dT%H:%M:%S",
    "us": "%m/%d/%Y %I:%M %p",
    "european": "%d/%m/%Y %H:%M",
    "day": "%Y-%m-%d",
    "compact": "%Y%m%d%H%M%S",
}


@register
class ChangeTimeFormat(ColumnRewrite):
    """A producer writes times in another form: text instead of stamps, another epoch, another unit.

    Numbers: ``epoch_s``, ``epoch_ms``, ``epoch_us``, ``epoch_2000_s`` (seconds since 2000) are whole,
    ``excel_days`` are the days of a spreadsheet. Text: ``no_zone`` (ISO 8601 without the zone), ``us`` (month first),
    ``european`` (day first), ``day`` (the time of day is gone), ``compact`` (14 digits). All are in UTC. Text that is
    no ISO 8601 time becomes null among numbers, and stays among texts.

    >>> import pyarrow as pa, chaos
    >>> table = pa.table({"observed_at": ["2013-03-04T17:00:00Z"]})
    >>> for form in ("epoch_ms", "us"):
    ...     made = chaos.inject(table, "schema.change_time_format", column="observed_at", to=form, seed=7)
    ...     print(made["observed_at"].to_pylist())
    [1362416400000]
    ['03/04/2013 05:00 PM']
    """

    name: ClassVar[str] = "schema.change_time_format"
    example: ClassVar[tuple[str, Mapping[str, Any]]] = (
        "feed:weather",
        {"column": "observed_at", "to": "epoch_ms"},
    )

    column: Annotated[str, ColumnRef(ColumnKind.TIME)] = Field(description="The column of times.")
    to: Literal[
        "epoch_s",
        "epoch_ms",
        "epoch_us",
        "epoch_2000_s",
        "excel_days",
        "no_zone",
        "us",
        "european",
        "day",
        "compact",
    ] = Field(default="epoch_ms", description="The new form.")

    def rewrite(self, values: pa.Array) -> pa.Array:
        import pyarrow as pa

        if pa.types.is_timestamp(values.type):
            values = values.cast(pa.timestamp("us", values.type.tz), safe=False)  # Python has no nanoseconds
        found = [(raw, _time(raw)) for raw in values.to_pylist()]
        if self.to in _TEXTS:
            form = _TEXTS[self.to]
            texts = [raw if at is None else at.strftime(form) for raw, at in found]
            return pa.array([None if text is None else str(text) for text in texts], pa.string())
        number = _NUMBERS[self.to]
        numbers = [None if at is None else number(at) for _, at in found]
        if self.to == "excel_days":
            return pa.array(numbers, pa.float64())
        return pa.array([None if n is None else round(n) for n in numbers], pa.int64())


def _time(raw: Any) -> datetime | None:
    """A time as UTC; without a zone it is taken for UTC."""
    if isinstance(raw, str):
        try:
            raw = datetime.fromisoformat(raw)
        except ValueError:
            return None
    elif isinstance(raw, date) and not isinstance(raw, datetime):
        raw = datetime(raw.year, raw.month, raw.day)
    if not isinstance(raw, datetime):
        return None
    try:
        return raw.replace(tzinfo=UTC) if raw.tzinfo is None else raw.astimezone(UTC)
    except OverflowError:
        return None
