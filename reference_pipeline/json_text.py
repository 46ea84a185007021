"""JSON between services and in the store: orjson's speed, and the standard library's breadth where that is needed."""

from __future__ import annotations

import json
from typing import Any

import orjson

__all__ = ["dumps", "loads"]


def dumps(value: Any) -> bytes:
    """A value as JSON in UTF-8. What is no JSON number (NaN, infinity) becomes null. Raises `TypeError`.

    >>> dumps({"temp": 71.5, "rows": {1: float("nan")}})
    b'{"temp":71.5,"rows":{"1":null}}'
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
    except TypeError:  # a whole number beyond 64 bits, say
        return json.dumps(value).encode()


def loads(text: bytes | str) -> Any:
    """What a JSON text says. Raises `ValueError`, and `RecursionError` for one that is nested too deeply.

    Also takes what Python's own writer may have written: NaN, infinities, halves of surrogate pairs.

    >>> loads(b'{"p": 0.5}'), loads("[NaN]")
    ({'p': 0.5}, [nan])
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)
