"""Toxics: names, attributes and their ranges. They are Toxiproxy's; `chaos.network.pipe` is what they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class ToxicError(ValueError):
    """A toxic that cannot exist; ``status`` is what an HTTP API answers."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


#: Attributes of each type with their defaults; all are non-negative numbers.
ATTRIBUTES: Mapping[str, Mapping[str, float]] = {
    "latency": {"latency": 0, "jitter": 0},
    "bandwidth": {"rate": 0},
    "slow_close": {"delay": 0},
    "timeout": {"timeout": 0},
    "reset_peer": {"timeout": 0},
    "slicer": {"average_size": 0, "size_variation": 0, "delay": 0},
    "limit_data": {"bytes": 0},
}
_WHOLE = frozenset({"average_size", "size_variation", "bytes"})


@dataclass(frozen=True, slots=True)
class ToxicSpec:
    """One toxic. ``toxicity`` is the share of connections it acts on, rolled once for each.

    Raises `ToxicError` for what cannot be: an unknown type, stream or attribute, or a value out of range.

    >>> ToxicSpec.from_json({"type": "latency", "attributes": {"latency": 100}}).name
    'latency_downstream'
    >>> ToxicSpec("slice", "slicer")
    Traceback (most recent call last):
    chaos.network.toxics.ToxicError: attribute 'average_size' of a slicer must be at least 1
    """

    name: str
    type: str
    stream: str = "downstream"
    toxicity: float = 1.0
    attributes: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.stream not in ("upstream", "downstream"):
            raise ToxicError(400, "stream was invalid, can be either upstream or downstream")
        if self.type not in ATTRIBUTES:
            raise ToxicError(400, f"invalid toxic type {self.type!r}; types: {', '.join(ATTRIBUTES)}")
        if not _is_number(self.toxicity) or not 0 <= self.toxicity <= 1:
            raise ToxicError(400, f"toxicity must be between 0 and 1, got {self.toxicity!r}")
        for key, value in self.attributes.items():
            self._check_attribute(key, value)
        if self.type == "slicer":
            if self.get("average_size") < 1:
                raise ToxicError(400, "attribute 'average_size' of a slicer must be at least 1")
            if self.get("size_variation") >= self.get("average_size"):
                raise ToxicError(400, "attribute 'size_variation' of a slicer must be below its 'average_size'")

    def _check_attribute(self, key: str, value: Any) -> None:
        known = ATTRIBUTES[self.type]
        if key not in known:
            raise ToxicError(400, f"unknown attribute {key!r} of toxic {self.type!r}; attributes: {', '.join(known)}")
        if not _is_number(value):
            raise ToxicError(400, f"attribute {key!r} must be a number, got {value!r}")
        if not 0 <= value < 2**53:  # neither infinity nor what is no number
            raise ToxicError(400, f"attribute {key!r} must be a finite number of at least 0, got {value!r}")
        if key in _WHOLE and value != int(value):
            raise ToxicError(400, f"attribute {key!r} must be a whole number, got {value!r}")

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> ToxicSpec:
        """Reads Toxiproxy's JSON form, with its defaults; raises `ToxicError`."""
        kind, stream = raw.get("type"), raw.get("stream") or "downstream"
        given = {} if raw.get("attributes") is None else raw["attributes"]
        name = raw.get("name") or f"{kind}_{stream}"
        if not isinstance(given, Mapping) or not isinstance(name, str):
            raise ToxicError(400, "bad request body: name must be a string and attributes an object")
        defaults = ATTRIBUTES.get(kind, {}) if isinstance(kind, str) else {}
        return cls(name, str(kind), str(stream), raw.get("toxicity", 1.0), {**defaults, **given})

    def to_json(self) -> dict[str, Any]:
        """Toxiproxy's JSON form."""
        return {
            "name": self.name,
            "type": self.type,
            "stream": self.stream,
            "toxicity": self.toxicity,
            "attributes": dict(self.attributes),
        }

    def get(self, attribute: str) -> float:
        """An attribute, or its default."""
        return self.attributes.get(attribute, ATTRIBUTES[self.type][attribute])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
