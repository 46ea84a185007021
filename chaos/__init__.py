"""Faults, the engine that applies and reverts them, and the surfaces that they act on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chaos.data.frames import inject

__all__ = ["inject"]


def __getattr__(name: str) -> Any:
    # Lazy: a command line that only lists faults must not pay for numpy and pyarrow.
    if name == "inject":
        from chaos.data.frames import inject

        return inject
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
