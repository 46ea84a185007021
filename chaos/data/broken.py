"""References that point to nothing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from chaos.data.affine import affine
from chaos.data.columns import is_text, numbers, with_numbers
from chaos.data.values import joined_text
from chaos.errors import InvalidFault, Problem


def dangling(keys: pa.Array, suffix: str, *, fault: str) -> pa.Array:
    """Keys that no other table is likely to have; raises `InvalidFault` if they are neither text nor numbers.

    >>> dangling(pa.array([7, None]), "-0", fault="data.broken_keys").to_pylist()
    [-8, None]
    """
    kind = keys.type
    if is_text(kind):
        return joined_text(keys, "", suffix)
    if pa.types.is_integer(kind):
        return with_numbers(keys, np.bitwise_not(numbers(keys)))  # -key - 1; far up in unsigned columns
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return affine(keys, -1.0, -1.0)
    if pa.types.is_null(kind):
        return keys
    raise InvalidFault(fault, [Problem("column", f"expected keys of text or numbers, it holds {kind}")])
