"""What a provider says about a batch before it is downloaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


class ManifestError(ValueError):
    """A manifest that lacks a field or holds the wrong kind of value."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A batch's manifest. Times are epoch seconds; ``columns`` maps names to logical types.

    >>> Manifest.from_json({"batch_id": "flights-1"})
    Traceback (most recent call last):
    reference_pipeline.ingestion.manifest.ManifestError: manifest of 'flights-1': no feed
    """

    batch_id: str
    feed: str
    sequence: int
    window_start: float
    window_end: float
    produced_at: float
    rows: int
    columns: Mapping[str, str]
    format: str
    sha256: str
    contract_version: str

    @classmethod
    def from_json(cls, raw: Any) -> Manifest:
        """Checks and reads a decoded JSON object; unknown fields are ignored. Raises `ManifestError`."""
        if not isinstance(raw, dict):
            raise ManifestError(f"a manifest is an object, but got {type(raw).__name__}")
        name = raw.get("batch_id")
        for field, expected in _FIELDS.items():
            if field not in raw:
                raise ManifestError(f"manifest of {name!r}: no {field}")
            value = raw[field]
            if not isinstance(value, expected) or isinstance(value, bool):
                raise ManifestError(f"manifest of {name!r}: {field} is {value!r}")
        if not _SAFE_ID.fullmatch(raw["batch_id"]):
            raise ManifestError(f"manifest of {name!r}: a batch id is 1-128 letters, digits and . _ : -")
        return cls(**{field: raw[field] for field in _FIELDS})

    def to_json(self) -> dict[str, Any]:
        """The form that `from_json` reads."""
        return {field: getattr(self, field) for field in _FIELDS} | {"columns": dict(self.columns)}


#: Batch ids become file names.
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_TYPES: dict[str, Any] = {"str": str, "int": int, "float": (int, float), "Mapping[str, str]": dict}
_FIELDS: dict[str, Any] = {field.name: _TYPES[str(field.type)] for field in fields(Manifest)}
