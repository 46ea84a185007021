"""Reads a user's rates: what things cost, and how often failures come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chaos.registry import registry
from harness.errors import ScenarioError
from harness.scenario.document import read_document
from harness.scenario.explain import Finding, explain_model
from harness.scenario.suggest import suggestion
from harness.scoring import Rates

__all__ = ["load_rates"]


def load_rates(path: Path) -> Rates:
    """The rates of a YAML file. Raises `ScenarioError` that names every entry that is wrong."""
    document = read_document(path, "file of rates", f"Known rates: {', '.join(Rates.model_fields)}.")
    found = list(_unknown_families(document.root))
    try:
        rates = Rates.model_validate(document.root)
    except ValidationError as error:
        found = [*_wrong(error, document.root), *found]
    if found:
        raise ScenarioError([document.problem(f.place, f.message, at_key=f.at_key) for f in found])
    return rates


def _wrong(error: ValidationError, root: Mapping[str, Any]) -> Iterator[Finding]:
    """What the model says; of a rate that may be written in two ways, only about the way in which it is written."""
    for found in explain_model(error, {(): Rates}):
        name, *way = found.place
        if way and name == "incidents_a_year":
            if str(way[0]).startswith("dict") == isinstance(root[name], Mapping):
                yield Finding((name, *way[1:]), found.message, found.at_key)
        else:
            yield found


def _unknown_families(root: Mapping[str, Any]) -> Iterator[Finding]:
    families = {name.partition(".")[0] for name in registry.names()}
    by_family = root.get("incidents_a_year")
    for name in by_family if isinstance(by_family, Mapping) else ():
        if name not in families:
            message = f"no fault is of family {name!r}. {suggestion(name, families)}"
            yield Finding(("incidents_a_year", name), message, at_key=True)
