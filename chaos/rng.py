"""Keyed randomness: each draw is a function of its key, so that no draw shifts another."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def key64(*parts: object) -> int:
    """A 64-bit key of the parts (their ``str``), the same in every process.

    >>> key64(7, "weather") == key64(7, "weather") != key64(7, "flights")
    True
    """
    digest = blake2b("\x1f".join(str(p) for p in parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def uniform(*parts: object) -> float:
    """A uniform draw in [0, 1) that depends on nothing but its key.

    >>> 0.0 <= uniform(7, "latency", 3) < 1.0
    True
    """
    return (key64(*parts) >> 11) * 2.0**-53


def generator(*parts: object) -> np.random.Generator:
    """A numpy generator for the key, for draws of many values at once."""
    import numpy as np  # here: who only parses a scenario does not pay for numpy

    return np.random.Generator(np.random.Philox(key=key64(*parts)))
