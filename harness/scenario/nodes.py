"""YAML text as nodes: YAML 1.2 scalars, limits kept while reading, errors in plain words."""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from harness.errors import Problem, ScenarioError

__all__ = ["MAX_DEPTH", "MAX_VALUES", "TOO_DEEP", "TOO_MANY", "compose"]

MAX_DEPTH = 50
MAX_VALUES = 20_000
TOO_MANY = f"more than {MAX_VALUES} values, counting what aliases (*name) expand to. Write a smaller one."
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels. Write a flatter scenario."


def compose(text: str, path: str) -> yaml.Node | None:
    """The root node of the only document in the text; None if it is empty. Raises `ScenarioError`."""
    _check_characters(text, path)
    try:
        node = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        raise ScenarioError([_syntax_problem(error, text, path)]) from None
    assert node is None or isinstance(node, yaml.Node)
    return node


def _check_characters(text: str, path: str) -> None:
    bad = Reader.NON_PRINTABLE.search(text)
    if bad is not None:
        line = text.count("\n", 0, bad.start()) + 1
        column = bad.start() - text.rfind("\n", 0, bad.start())
        name = "a NUL byte" if bad.group() == "\0" else f"the control character U+{ord(bad.group()):04X}"
        raise ScenarioError([Problem(path, line, column, "", f"{name} is not text. Remove it.")])


class _Limit(yaml.MarkedYAMLError):
    """The document is larger or deeper than allowed; raised while reading, before memory is spent."""


class _Resolver(BaseResolver):
    """Implicit scalar types of YAML 1.2's core schema."""


def _add(name: str, pattern: str, first: str) -> None:
    _Resolver.add_implicit_resolver(f"tag:yaml.org,2002:{name}", re.compile(f"^(?:{pattern})$", re.ASCII), list(first))


_add("bool", "true|True|TRUE|false|False|FALSE", "tTfF")
_add("null", "~|null|Null|NULL|", "~nN")
_Resolver.add_implicit_resolver("tag:yaml.org,2002:null", re.compile("^$"), [""])
_add("int", r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+", "-+0123456789")
_add("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789")
_add("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+.")


class _Loader(Reader, Scanner, Parser, Composer, _Resolver):
    """Composes nodes, never objects, and stops at the limits of size and depth."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        _Resolver.__init__(self)
        self._depth = 0
        self._nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._nodes += 1
        if self._nodes > 2 * MAX_VALUES:
            raise self._limit(TOO_MANY)
        if self._depth >= MAX_DEPTH:
            raise self._limit(TOO_DEEP)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def _limit(self, problem: str) -> _Limit:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        return _Limit(problem=problem, problem_mark=event.start_mark)


#: Texts of the YAML parser, matched by how they begin, and what we say instead.
_SYNTAX = (
    ("found character '\\t'", "a tab can't indent YAML. Use spaces."),
    (
        "but found another document",
        "a second document begins here. Keep one scenario a file and remove '---'.",
    ),
    (
        "mapping values are not allowed here",
        "a ':' isn't allowed here. Align the line with its neighbours, or put text that contains ': ' in quotes.",
    ),
    ("expected ',' or '}'", "a ',' or '}' is missing before this. Write `{key: value, key: value}`."),
    ("expected ',' or ']'", "a ',' or ']' is missing before this. Write `[one, two]`."),
    ("expected the node content, but found '<stream end>'", "the file ends within brackets. Close them."),
    ("found character ", "text can't begin with this character. Put it in quotes."),
    ("found undefined alias", "no anchor of that name was written before. Write the value itself."),
    ("found duplicate anchor", "a second anchor of that name. Rename it, or write the value itself."),
    (
        "could not find expected ':'",
        "a key without ':'. Write `key: value`, or indent the line under its text.",
    ),
    ("found unexpected end of stream", "the file ends within a quoted text. Close the quote."),
)
#: What the parser says of a block that ends where none began: at the beginning of a line, and within one.
_MISALIGNED = "indented otherwise than the lines that it belongs to. Align it with them."
_AFTER_A_VALUE = "this follows a value that is complete. Remove it, or put the whole text in quotes."


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, path: str) -> Problem:
    said = error.problem or error.context or "not YAML"
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if isinstance(error, _Limit):
        return Problem(path, line, column, "", said)
    rows = text.splitlines()
    indent = re.match(r"\s*", rows[line - 1]) if line <= len(rows) else None
    if indent is not None and "\t" in indent.group():
        return Problem(path, line, column, "", _SYNTAX[0][1])
    if said.startswith("expected <block end>"):
        alone = indent is not None and mark is not None and indent.end() == mark.column
        return Problem(path, line, column, "", _MISALIGNED if alone else _AFTER_A_VALUE)
    for begins, instead in _SYNTAX:
        if said.startswith(begins):
            return Problem(path, line, column, "", instead)
    return Problem(path, line, column, "", f"not valid YAML: {said}. Check indentation, quotes and brackets.")
