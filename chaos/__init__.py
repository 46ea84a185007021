"""Faults, the engine that applies and reverts them, and the surfaces that they act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chaos.data.frames import Corrupted, corrupt, inject, revert
    from chaos.data.parquet import inject_parquet

__all__ = ["Corrupted", "corrupt", "inject", "inject_parquet", "revert"]

_HOMES = {
    "Corrupted": "chaos.data.frames",
    "corrupt": "chaos.data.frames",
    "inject": "chaos.data.frames",
    "inject_parquet": "chaos.data.parquet",
    "revert": "chaos.data.frames",
}


def __getattr__(name: str) -> Any:
    # Lazy: a command line that only lists faults must not pay for numpy and pyarrow.
    if name in _HOMES:
        from importlib import import_module

        value = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
