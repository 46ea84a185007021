"""Requests that are numbers: what the load generator's process imports in the tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any


def bodies_of(load: Mapping[str, Any], planned: Sequence[Any]) -> Iterator[bytes]:
    """What a load sends."""
    return (
        b'{"n": "no number"}' if load["kind"] == "malformed" else json.dumps(one).encode() for one in cycle(planned)
    )


def altered(planned: Mapping[str, Any], how: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Odd numbers become larger."""
    return {"n": planned["n"] * how["factor"]} if planned["n"] % 2 else None
