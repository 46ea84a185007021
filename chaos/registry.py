"""The registry of faults: a decorator, filled by walking ``chaos.faults`` and entry points on first look-up."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from importlib.metadata import entry_points
from typing import TypeVar

from chaos.errors import DuplicateFault, UnknownFault
from chaos.fault import Fault

_F = TypeVar("_F", bound=type[Fault])


class Registry:
    """Faults by dotted name. Loading is lazy: nothing is imported until a name is looked up."""

    def __init__(self, package: str | None = None, group: str | None = None) -> None:
        self._faults: dict[str, type[Fault]] = {}
        self._package = package
        self._group = group
        self._loaded = False

    def register(self, fault: _F) -> _F:
        """Class decorator; refuses a second fault under one name."""
        known = self._faults.get(fault.name)
        if known is not None and known.__qualname__ != fault.__qualname__:
            raise DuplicateFault(
                f"fault {fault.name!r} is defined by both {known.__module__} and {fault.__module__}; "
                "rename one of them"
            )
        self._faults[fault.name] = fault
        return fault

    def get(self, name: str) -> type[Fault]:
        """The fault class; raises `UnknownFault` with the nearest name."""
        self._load()
        try:
            return self._faults[name]
        except KeyError:
            near = difflib.get_close_matches(name, self._faults, n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]!r}?" if near else " `pipequake faults` lists them."
            raise UnknownFault(f"unknown fault {name!r}.{hint}") from None

    def names(self) -> list[str]:
        """Every name, sorted."""
        self._load()
        return sorted(self._faults)

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        if self._package is not None:
            package = importlib.import_module(self._package)
            for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
                importlib.import_module(module.name)
        if self._group is not None:
            for entry in sorted(entry_points(group=self._group), key=lambda e: e.name):
                self.register(entry.load())


registry = Registry(package="chaos.faults", group="pipequake.faults")
register = registry.register
