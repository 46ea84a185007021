"""``pipequake faults``."""

from __future__ import annotations

import dataclasses
import json

import click
from rich.table import Table
from rich.text import Text

from chaos.catalogue import FaultDescription, catalogue, describe
from chaos.registry import registry
from harness.console import report_console

__all__ = ["show_faults"]


def show_faults(name: str | None, *, as_json: bool) -> None:
    """Every fault in a row, or one in full."""
    described = [describe(registry.get(name))] if name else catalogue()
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(fault) for fault in described], indent=2, default=str))
    elif name:
        _show_one(described[0])
    else:
        table = Table("fault", "points", "what happens", box=None, pad_edge=False)
        for fault in described:
            table.add_row(fault.name, ", ".join(fault.points), fault.summary)
        report_console().print(table)


def _show_one(fault: FaultDescription) -> None:
    console = report_console()
    console.print(
        Text.assemble(
            (fault.name, "bold"),
            f"  at {', '.join(fault.points)}; {fault.reversibility}; {', '.join(fault.backends)}\n",
        )
    )
    console.print(fault.summary + "\n")
    table = Table("parameter", "type", "default", "meaning", box=None, pad_edge=False)
    for param in fault.params:
        table.add_row(param.name, param.type, "required" if param.default is None else param.default, param.description)
    console.print(table)
    console.print("\n" + fault.example)
