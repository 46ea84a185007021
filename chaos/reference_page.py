"""The reference page of the faults, written from their own declarations."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from pydantic import BaseModel

from chaos.catalogue import FaultDescription, ParamDescription, catalogue, describe_param, models_in
from chaos.fault import Fault
from chaos.registry import Registry

_INTRODUCTION = """\
# Faults

Every fault that Pipequake knows, with its parameters and an example that can be pasted under `faults:` of a scenario
(with `at:` and `for:` to say when). `pipequake faults NAME` shows the same on the command line. This page is made from
the faults themselves.

A parameter without a default must be given. *Exact* faults leave nothing behind when they are reverted;
*compensating* ones say what remains."""


_COLUMN_WORDS: Mapping[str, str] = {
    "any": "column",
    "number": "column of numbers",
    "text": "column of text",
    "time": "column of times",
}


def page(faults: Registry) -> str:
    """The page; see `chaos.catalogue.markdown`."""
    every = catalogue(faults)
    families = {family: list(members) for family, members in groupby(every, key=lambda fault: fault.family)}
    parts = [_INTRODUCTION, _contents(families)]
    for family, members in families.items():
        parts.append(f"## {family}\n\n{_family_text(faults.get(members[0].name))}")
        parts += [_section(fault) for fault in members]
    parts += [_model_section(model) for model in _models(faults)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _contents(families: Mapping[str, Sequence[FaultDescription]]) -> str:
    rows = [
        f"| [{family}](#{family}) | {len(members)} | "
        + ", ".join(f"[{fault.name.partition('.')[2]}](#{_anchor(fault.name)})" for fault in members)
        + " |"
        for family, members in families.items()
    ]
    return "\n".join(["| family | faults | |", "|---|---:|---|", *rows])


def _anchor(name: str) -> str:
    return name.replace(".", "")


def _family_text(fault: type[Fault]) -> str:
    package = sys.modules.get(fault.__module__.rpartition(".")[0])
    return _code_marks(inspect.cleandoc((package.__doc__ if package is not None else None) or ""))


def _code_marks(text: str) -> str:
    return re.sub(r"``(.+?)``", r"`\1`", text, flags=re.DOTALL)


def _section(fault: FaultDescription) -> str:
    points = " or ".join(f"`{kind}:`" for kind in fault.points)
    parts = [
        f"### {fault.name}",
        _code_marks(fault.text),
        f"Acts on {points}. Revert: {fault.reversibility}. Backends: {', '.join(fault.backends)}.",
        _param_table(fault.params),
        f"```yaml\n{fault.example}\n```",
    ]
    if fault.code:
        parts.append(f"```pycon\n{fault.code}\n```")
    return "\n\n".join(part for part in parts if part)


def _param_table(params: Iterable[ParamDescription]) -> str:
    rows = []
    for param in params:
        kind = f"{param.type} ({param.unit})" if param.unit else param.type
        if param.model is not None:
            kind = kind.replace(param.model, f"[{param.model}](#{param.model})", 1)
        if param.column is not None:
            kind = kind.replace("text", _COLUMN_WORDS[param.column], 1)
        default = "required" if param.default is None else f"`{param.default}`"
        cells = (f"`{param.name}`", kind, default, param.bounds, _code_marks(param.description))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    if not rows:
        return ""
    return "\n".join(["| parameter | type | default | bounds | meaning |", "|---|---|---|---|---|", *rows])


def _models(faults: Registry) -> list[type[BaseModel]]:
    """The models that parameters are made of, each once."""
    found = [
        model
        for name in faults.names()
        for info in faults.get(name).model_fields.values()
        for model in models_in(info.annotation)
    ]
    return list(dict.fromkeys(found))


def _model_section(model: type[BaseModel]) -> str:
    prose = inspect.cleandoc(model.__doc__ or "").partition(">>>")[0].strip()
    params = [describe_param(name, info) for name, info in model.model_fields.items()]
    return f"## {model.__name__.lower()}\n\n{_code_marks(prose)}\n\n{_param_table(params)}"
