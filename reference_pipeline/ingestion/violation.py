"""What validation finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["error", "warning"]
#: Validation levels, weakest first.
Level = Literal["none", "schema", "statistical", "learned"]
#: Levels that look at values, not only at structure.
JUDGES_VALUES: tuple[Level, ...] = ("statistical", "learned")


@dataclass(frozen=True, slots=True)
class Violation:
    """One finding. An ``error`` quarantines the batch, a ``warning`` is counted and shown.

    ``kind``: decode, checksum, row_count, format, version, missing_column, extra_column, type, null, range,
    category, rule, window, duplicate, null_rate, unknown_rate, location, spread, distribution, volume, share, relation,
    repeats.
    """

    kind: str
    column: str | None
    detail: str
    severity: Severity

    def to_json(self) -> dict[str, Any]:
        """The form of status answers and quarantine records."""
        return {"kind": self.kind, "column": self.column, "detail": self.detail, "severity": self.severity}
