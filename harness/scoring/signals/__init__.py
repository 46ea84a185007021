"""What users feel, one signal a file: each gives every request a loss in [0, 1].

A new signal is a new module here with a `SIGNAL`; nothing else has to know of it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from harness.scoring.signals._signal import Signal

__all__ = ["Signal", "all_signals"]


@cache
def all_signals() -> tuple[Signal, ...]:
    """Every signal, by rank and name.

    >>> [signal.name for signal in all_signals()][:3]
    ['total', 'quality', 'availability']
    """
    names = sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
    found: list[Signal] = [import_module(f"{__name__}.{name}").SIGNAL for name in names]
    return tuple(sorted(found, key=lambda signal: (signal.rank, signal.name)))
