"""Reads a user's rates: what things cost, and how often failures come."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from chaos.registry import registry
from harness.errors import UsageError
from harness.scenario.suggest import suggestion
from harness.scoring import Rates

__all__ = ["load_rates"]


def load_rates(path: Path) -> Rates:
    """The rates of a YAML file. Raises `UsageError` that names every entry that is wrong."""
    known = ", ".join(Rates.model_fields)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise UsageError(f"{path}: the rates cannot be read ({reason}). Give a YAML file with --rates.") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise UsageError(f"{path}: expected rates by name, got {type(document).__name__}. Known: {known}.")
    try:
        rates = Rates.model_validate(document)
    except ValidationError as error:
        problems = [f"{path}: {'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors()]
        raise UsageError("\n".join([*problems, f"Known rates: {known}."])) from error
    families = {name.partition(".")[0] for name in registry.names()}
    by_family = rates.incidents_a_year if isinstance(rates.incidents_a_year, dict) else {}
    wrong = [name for name in by_family if name not in families]
    if wrong:
        problems = [f"{path}: incidents_a_year: no fault is of family {n!r}. {suggestion(n, families)}" for n in wrong]
        raise UsageError("\n".join(problems))
    return rates
