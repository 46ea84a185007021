"""The registry of faults: a decorator, filled by walking ``chaos.faults`` and entry points on first look-up."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from chaos.errors import DuplicateFault, InvalidFault, Problem, UnknownFault, suggestion
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
        if known is not None and (known.__module__, known.__qualname__) != (
            fault.__module__,
            fault.__qualname__,
        ):
            raise DuplicateFault(
                f"fault {fault.name!r} is defined by both {known.__module__} and {fault.__module__}; rename one of them"
            )
        self._faults[fault.name] = fault
        return fault

    def get(self, name: str) -> type[Fault]:
        """The fault class; raises `UnknownFault` with the nearest name."""
        if name not in self._faults and not self._loaded:
            self._load_named(name)
        if name not in self._faults:
            self._load()
        try:
            return self._faults[name]
        except KeyError:
            hint = suggestion(name, self._faults) or " `pipequake faults` lists them."
            raise UnknownFault(f"unknown fault {name!r}.{hint}") from None

    def create(self, name: str, params: Mapping[str, Any]) -> Fault:
        """A validated fault; raises `UnknownFault`, or `InvalidFault` with every problem at once.

        >>> registry.create("freshness.delay", {"by_s": 600}).by_s
        600.0
        """
        fault = self.get(name)
        try:
            return fault(**params)
        except ValidationError as error:
            raise InvalidFault(name, _problems(fault, error)) from None

    def names(self) -> list[str]:
        """Every name, sorted."""
        self._load()
        return sorted(self._faults)

    def _load_named(self, name: str) -> None:
        """Imports the file that is named after the fault, so that a look-up need not load the whole catalogue."""
        short = name.rpartition(".")[2]
        if self._package is None or not short.isidentifier():
            return
        package = importlib.import_module(self._package)
        for root in map(Path, package.__path__):
            for file in sorted(root.rglob(f"{short}.py")):
                importlib.import_module(".".join((self._package, *file.relative_to(root).with_suffix("").parts)))

    def _load(self) -> None:
        if self._loaded:
            return
        if self._package is not None:
            package = importlib.import_module(self._package)
            for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
                importlib.import_module(module.name)
        if self._group is not None:
            for entry in sorted(entry_points(group=self._group), key=lambda e: e.name):
                self.register(entry.load())
        self._loaded = True


def _problems(fault: type[Fault], error: ValidationError) -> list[Problem]:
    known = sorted(fault.model_fields)
    problems = []
    for item in error.errors(include_url=False):
        param = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            hint = suggestion(param, known) or f" Parameters: {', '.join(known) or 'none'}."
            problems.append(Problem(param, f"unknown parameter.{hint}"))
        elif item["type"] == "missing":
            problems.append(Problem(param, "required, but not given"))
        else:
            message = item["msg"].removeprefix("Value error, ")
            message = message[:1].lower() + message[1:]
            problems.append(Problem(param, f"{message}, got {item['input']!r}" if param else message))
    return problems


registry = Registry(package="chaos.faults", group="pipequake.faults")
register = registry.register
