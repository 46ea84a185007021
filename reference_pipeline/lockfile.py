"""The lock file: which file each dependency is, as it was when this deployment was put together.

A package that lies before the real one on a service's path, or that was exchanged since, is another file.
"""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType


def checked(module: ModuleType) -> ModuleType:
    """The module; raises ``ImportError`` if it isn't the locked one.

    >>> import csv
    >>> checked(csv) is csv
    True
    """
    if _digest(str(module.__file__)) != _locked(module.__name__):
        raise ImportError(f"{module.__name__}: not the release of the lock file")
    return module


@cache
def _locked(name: str) -> str:
    spec = importlib.util.find_spec(name)
    return "" if spec is None or spec.origin is None else _digest(spec.origin)


def _digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
