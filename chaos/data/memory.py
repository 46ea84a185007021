"""Memory that is used again: for large arrays, fresh pages from the system cost more than most work on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray

__all__ = ["pooled"]


def pooled(count: int, dtype: DTypeLike) -> NDArray[Any]:
    """An array of whatever was there before, in memory from Arrow's pool, which keeps what was freed.

    >>> pooled(3, np.int64).shape
    (3,)
    """
    kind = np.dtype(dtype)
    return np.frombuffer(pa.allocate_buffer(count * kind.itemsize), dtype=kind)
