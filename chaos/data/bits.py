"""Single bits of numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from chaos.data.cells import Victims
from chaos.data.columns import fixed_width, numbers, with_numbers
from chaos.errors import InvalidFault, Problem


def flipped(values: pa.Array, bit: int | None, victims: Victims, *, fault: str) -> pa.Array:
    """Each number with one bit the other way round; raises `InvalidFault` if the type has no such bit."""
    if not fixed_width(values.type):
        raise InvalidFault(fault, [Problem("column", f"has no bits that can be flipped, it holds {values.type}")])
    data = numbers(values)
    width = 8 * data.dtype.itemsize
    if bit is not None and bit >= width:
        raise InvalidFault(fault, [Problem("bit", f"{values.type} has bits 0 to {width - 1}, got {bit}")])
    places = np.full(len(data), bit) if bit is not None else victims.choices("bit", width)
    unsigned = np.dtype(f"u{data.dtype.itemsize}")
    masks = np.left_shift(np.uint64(1), places.astype(np.uint64)).astype(unsigned)
    return with_numbers(values, (data.view(unsigned) ^ masks).view(data.dtype))
