"""YAML text as plain values that remember their line and column; hostile or ambiguous YAML is refused.

The scalars are those of YAML 1.2: ``on``, ``no`` and ``1:30`` are text, ``1e-3`` is a number. Anchors and
aliases work within a limit on what they expand to; merge keys and tags do not.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness.errors import Problem, ScenarioError
from harness.scenario.nodes import MAX_DEPTH, MAX_VALUES, TOO_DEEP, TOO_MANY, compose

__all__ = [
    "MAX_BYTES",
    "Document",
    "Place",
    "parse_document",
    "read_document",
    "where",
]

MAX_BYTES = 1 << 20

_SCENARIOS = "`pipequake scenarios` shows scenarios to start from."

#: A place within a document: keys and indices from the root.
Place = tuple[str | int, ...]


@dataclass(slots=True)
class Document:
    """The root mapping of a file. Lines and columns count from 1."""

    path: str
    root: dict[str, Any]
    values_at: dict[Place, tuple[int, int]] = field(default_factory=dict)
    keys_at: dict[Place, tuple[int, int]] = field(default_factory=dict)

    def problem(self, place: Place, message: str, *, at_key: bool = False) -> Problem:
        """A problem at a place; one that isn't in the file is shown at what would contain it."""
        marks = self.keys_at if at_key and place in self.keys_at else self.values_at
        known = place
        while known not in marks and known:
            known = known[:-1]
        line, column = marks.get(known, (1, 1))
        return Problem(self.path, line, column, where(place), message)


def where(place: Place) -> str:
    """A place as people write it.

    >>> where(("faults", 0, "with", "rate"))
    'faults[0].with.rate'
    """
    text = ""
    for step in place:
        shown = step if isinstance(step, int) or step.isprintable() else repr(step)
        text += f"[{shown}]" if isinstance(step, int) else f".{shown:.60}"
    return text.removeprefix(".")


def read_document(path: str | Path, kind: str = "scenario", hint: str = _SCENARIOS) -> Document:
    """Read a file of a kind, of which ``hint`` says where there are more. Raises `ScenarioError` with every problem of
    the text itself."""
    shown = str(path)
    return parse_document(_decode(_read_bytes(Path(path), shown, kind, hint), shown), shown, hint)


def parse_document(text: str, path: str, hint: str = _SCENARIOS) -> Document:
    """The same for text that is already in memory; ``path`` is what errors call it."""
    node = compose(text, path)
    if node is None:
        raise _refuse(path, 1, 1, f"the file is empty. {hint}")
    if not isinstance(node, yaml.MappingNode):
        start = "Start with `name: ...`." if hint is _SCENARIOS else hint
        raise _refuse(path, *_mark(node), f"expected keys and values, got {_kind(node)}. {start}")
    builder = _Builder(Document(path, {}))
    root = builder.build(node, ())
    if builder.problems:
        raise ScenarioError(builder.problems)
    assert isinstance(root, dict)
    builder.document.root = root
    return builder.document


def _refuse(path: str, line: int, column: int, message: str) -> ScenarioError:
    return ScenarioError([Problem(path, line, column, "", message)])


def _read_bytes(path: Path, shown: str, kind: str, hint: str) -> bytes:
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            data = file.read(MAX_BYTES + 1)
            if not data and stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
                raise _refuse(shown, 0, 0, f"nobody writes to this named pipe. Name a {kind}'s file.")
    except FileNotFoundError:
        raise _refuse(shown, 0, 0, f"no such file. Check the path. {hint}") from None
    except IsADirectoryError:
        raise _refuse(shown, 0, 0, f"this is a folder, not a {kind}. Name a file in it.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _refuse(shown, 0, 0, f"can't be read ({reason}). Check the path and its permissions.") from None
    if len(data) > MAX_BYTES:
        raise _refuse(shown, 0, 0, f"larger than 1 MiB, which no {kind} needs. Split it into several files.")
    return data


def _open_at_once(path: str, flags: int) -> int:
    """Opens a named pipe, too, without waiting for somebody to write to it; what is being written is waited for."""
    handle = os.open(path, flags | os.O_NONBLOCK)
    os.set_blocking(handle, True)
    return handle


def _decode(data: bytes, shown: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before) - (before.rfind(b"\n") + 1) + 1
        raise _refuse(shown, line, column, "not UTF-8 text. Save the file with the encoding UTF-8.") from None


def _mark(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "a mapping" if isinstance(node, yaml.MappingNode) else "a single value"


class _Builder:
    """Turns nodes into plain values, noting where each stands and what is wrong with it."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self._values = 0
        self._full = False

    def build(self, node: yaml.Node, place: Place) -> Any:
        self.document.values_at[place] = _mark(node)
        self._values += 1
        if self._full:
            return None
        if self._values > MAX_VALUES or len(place) >= MAX_DEPTH:
            self._full = True
            return self._report(node, place[:1], TOO_MANY if self._values > MAX_VALUES else TOO_DEEP)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return self._sequence(node, place)
        return self._scalar(node, place)

    def _report(self, node: yaml.Node, place: Place, message: str) -> None:
        self.problems.append(Problem(self.document.path, *_mark(node), where(place), message))

    def _mapping(self, node: yaml.MappingNode, place: Place) -> Any:
        if node.tag != "tag:yaml.org,2002:map":
            return self._report(node, place, _untagged(node))
        return {key: self.build(value, (*place, key)) for key, value in self._items(node, place)}

    def _items(self, node: yaml.MappingNode, place: Place) -> Iterator[tuple[str, yaml.Node]]:
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
                shown = f"{key!r:.40}" if isinstance(key, str) else _kind(key_node)
                self._report(key_node, place, f"a key must be text, got {shown}. Put it in quotes.")
            elif key == "<<" and key_node.style is None:
                self._report(key_node, place, "merge keys (<<) aren't supported. Write the keys out.")
            elif key in first:
                said = f"written twice, first in line {first[key]}. Keep one of them."
                self._report(key_node, (*place, key), said)
            else:
                first[key], _ = self.document.keys_at[(*place, key)] = _mark(key_node)
                yield key, value_node

    def _sequence(self, node: yaml.SequenceNode, place: Place) -> Any:
        if node.tag != "tag:yaml.org,2002:seq":
            return self._report(node, place, _untagged(node))
        return [self.build(item, (*place, index)) for index, item in enumerate(node.value)]

    def _scalar(self, node: yaml.Node, place: Place) -> Any:
        text, tag = str(node.value), node.tag.removeprefix("tag:yaml.org,2002:")
        if tag == "str":
            return text
        if tag == "null":
            return None
        if tag == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        try:
            if tag == "int" and len(text) <= 20:
                return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
            if tag == "float" and math.isfinite(number := float(text)):
                return number
        except ValueError:
            pass
        if tag in ("int", "float"):
            return self._report(node, place, f"{text!r:.40} is no number that can be kept. Write a finite one.")
        return self._report(node, place, _untagged(node))


def _untagged(node: yaml.Node) -> str:
    tag = str(node.tag).replace("tag:yaml.org,2002:", "!!")
    return f"the tag {tag:.40} isn't supported. Remove it and write the value itself."
