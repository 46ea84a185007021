"""``pipequake scenarios``."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from harness.console import report_console
from harness.errors import UsageError
from harness.library import built_in_library, load_scenarios
from harness.scenario.durations import format_duration

__all__ = ["copy_library", "list_scenarios"]


def list_scenarios(paths: Sequence[Path]) -> None:
    """One row a scenario."""
    table = Table("scenario", "faults", "expects", box=None, pad_edge=False)
    for scenario in load_scenarios(paths):
        faults = ", ".join(f"{spec.fault} at {spec.point}" for spec in scenario.faults)
        table.add_row(scenario.name, faults, "; ".join(_expectation(e) for e in scenario.expect))
    report_console().print(table)


def _expectation(expectation: object) -> str:
    parts = []
    for name, value in vars(expectation).items():
        if value is not None:
            plain = name.removesuffix("_s")
            shown = format_duration(value) if name.endswith("_s") else str(value)
            parts.append(f"{plain.replace('_', ' ')} {shown}")
    return ", ".join(parts)


def copy_library(target: Path) -> None:
    """Copies the built-in scenarios into a folder that doesn't exist yet."""
    if target.exists():
        raise UsageError(f"{target} exists. Give a folder that doesn't, so that nothing is overwritten.")
    try:
        shutil.copytree(built_in_library(), target, ignore=shutil.ignore_patterns("__pycache__"))
    except (OSError, shutil.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{target} can't be made ({reason}). Give a new folder where you may write.") from error
    run = f"pipequake run {shlex.quote(str(target))}"
    report_console().print(f"copied to {target}; run them with: {run}", soft_wrap=True)
