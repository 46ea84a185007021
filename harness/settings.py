"""The configuration of a project: ``pipequake.toml``, or ``[tool.pipequake]`` in ``pyproject.toml``.

It holds defaults of the command line and of pytest; options win. It is looked for in the current folder and those
above it, up to the top of the repository. Paths in it are relative to its own folder.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.errors import Problem, UsageError
from harness.report_files import ALWAYS, DEFAULT, FILES

__all__ = ["MAX_JOBS", "MAX_SEED", "Settings", "SettingsError", "find_settings", "read_settings"]

NAME = "pipequake.toml"
#: A seed and the next one (for the second control) must both be whole numbers of JSON.
MAX_SEED = 2**53 - 2
MAX_JOBS = 256


class SettingsError(UsageError):
    """The configuration can't be used; has every problem, each with its line and column."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


@dataclass(frozen=True, slots=True)
class Settings:
    """What the configuration says; None or empty where it says nothing. ``file`` is where it was found."""

    profile: tuple[str, ...] = ()
    backend: str | None = None
    results: Path | None = None
    seed: int | None = None
    jobs: int | None = None
    scenarios: tuple[Path, ...] = ()
    reports: tuple[str, ...] = DEFAULT
    file: Path | None = None

    def over(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Options of `pipequake run`, each that was not given taken from here, or else its default.

        Raises `SettingsError` if the scenarios are to come from here and are not there.

        >>> Settings(jobs=4).over({"paths": (), "profiles": ("ad_hoc",), "jobs": None, "results": None})["jobs"]
        4
        """
        here: dict[str, Any] = {
            "paths": self.scenarios,
            "profiles": self.profile,
            "backend": self.backend or "sim",
            "results": self.results or Path("results"),
            "seed": self.seed,
            "jobs": self.jobs,
            "reports": self.reports,
        }
        kept = {name: value for name, value in options.items() if value not in (None, ())}
        if "paths" not in kept:
            self._look_for_scenarios()
        return {**options, **here, **kept}

    def _look_for_scenarios(self) -> None:
        """Who gave no path can't know where a missing one was written."""
        if self.file is None:
            return  # there is no place to tell of
        missing = [path for path in self.scenarios if not path.exists()]
        if missing:
            raise self.error("scenarios", *(f"{path}: no such file. Write where they are." for path in missing))

    def error(self, key: str, *messages: str) -> SettingsError:
        """What is wrong with the value of a key that was read, with its place."""
        assert self.file is not None
        line, column = _place_in(self.file, key)
        return SettingsError([Problem(_shown(self.file), line, column, key, message) for message in messages])


def find_settings(start: Path | None = None) -> Settings:
    """The configuration that holds for a folder (default: the current one); an empty one if there is none.

    Raises `SettingsError`.
    """
    try:
        here = (start or Path.cwd()).absolute()
    except FileNotFoundError:
        message = "the current folder was removed. Change to one that is there."
        raise SettingsError([Problem(".", 0, 0, "", message)]) from None
    for folder in (here, *here.parents):
        own, project = folder / NAME, folder / "pyproject.toml"
        in_project = project.is_file() and _tool_table(project) is not None
        if own.is_file() and in_project:
            message = f"{NAME} beside it is a configuration, too. Keep one of them."
            raise SettingsError([Problem(_shown(project), 0, 0, "tool.pipequake", message)])
        if own.is_file():
            return read_settings(own)
        if in_project:
            return read_settings(project)
        if (folder / ".git").exists():
            break
    return Settings()


def read_settings(file: Path) -> Settings:
    """The configuration of a file. Raises `SettingsError` with every problem."""
    shown = _shown(file)
    try:
        text = file.read_bytes().decode("utf-8")
        raw = tomllib.loads(text)
    except OSError as error:
        raise SettingsError([Problem(shown, 0, 0, "", f"can't be read ({error.strerror or error}).")]) from None
    except UnicodeDecodeError:
        raise SettingsError([Problem(shown, 0, 0, "", "not UTF-8 text. Save it with the encoding UTF-8.")]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([_syntax(shown, str(error))]) from None
    section = _section(file)
    table = raw if not section else raw.get("tool", {}).get("pipequake", {})
    return _Reader(shown, text, section).read(table, file)


def _section(file: Path) -> str:
    """The table that holds the configuration in a file; empty for the whole of it."""
    return "" if file.name == NAME else "tool.pipequake"


def _place_in(file: Path, key: str) -> tuple[int, int]:
    """Line and column of a key in a configuration that was read before."""
    return _Reader(_shown(file), file.read_text(encoding="utf-8"), _section(file))._place(key)


def _tool_table(project: Path) -> object:
    """What a ``pyproject.toml`` says under ``tool.pipequake``; None if nothing. A broken file is others' business."""
    try:
        raw = tomllib.loads(project.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    tool = raw.get("tool")
    return tool.get("pipequake") if isinstance(tool, dict) else None


def _syntax(shown: str, said: str) -> Problem:
    place = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", said)
    line, column = (int(place[1] or 0), int(place[2] or 0)) if place else (0, 0)
    what = said[: place.start()] if place else said
    # What TOML calls an invalid value is most often a word.
    remedy = " Write a number, true, false, or text in quotes." if what == "Invalid value" else ""
    return Problem(shown, line, column, "", f"not valid TOML: {what[:1].lower()}{what[1:]}.{remedy}")


def _shown(file: Path) -> str:
    relative = os.path.relpath(file)
    return str(file) if relative.startswith("..") else relative


@dataclass(slots=True)
class _Reader:
    """Checks each key by itself, so that all problems are told at once."""

    shown: str
    text: str
    section: str
    problems: list[Problem] = field(default_factory=list)

    def read(self, table: object, file: Path) -> Settings:
        """The settings of a table; raises `SettingsError`."""
        from harness.scenario.suggest import suggestion

        values: dict[str, Any] = {"file": file}
        if not isinstance(table, dict):
            self._report("", f"expected keys and values, got {table!r:.60}.")
            table = {}
        for key, value in table.items():
            check = _CHECKS.get(key)
            if check is None:
                self._report(key, f"unknown key. {suggestion(key, _CHECKS)}")
                continue
            try:
                values[key] = check(value)
            except ValueError as error:
                self._report(key, str(error))
        if self.problems:
            raise SettingsError(self.problems)
        return _rooted(Settings(**values), file.parent)

    def _report(self, key: str, message: str) -> None:
        line, column = self._place(key)
        where = ".".join(part for part in (self.section, key) if part)
        self.problems.append(Problem(self.shown, line, column, where, message))

    def _place(self, key: str) -> tuple[int, int]:
        """Line and column of a key in the section, or of the section; as TOML has no positions to ask for."""
        current, section_at = "", (1, 1) if not self.section else (0, 0)
        for number, line in enumerate(self.text.splitlines(), start=1):
            header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]", line)
            if header:
                current = header[1].replace('"', "").replace(" ", "")
                section_at = (number, 1) if current == self.section else section_at
                if current.removeprefix(self.section).lstrip(".") == key:
                    return number, 1
            found = re.match(rf"(\s*)[\"']?{re.escape(key)}[\"']?\s*[=.]", line) if key else None
            if found and current == self.section:
                return number, len(found[1]) + 1
        return section_at


def _rooted(settings: Settings, folder: Path) -> Settings:
    """Paths relative to the file's folder, shown relative to the current one where they lie below it."""

    def rooted(path: Path) -> Path:
        whole = folder / path
        relative = os.path.relpath(whole)
        return whole if relative.startswith("..") else Path(relative)

    return replace(
        settings,
        results=None if settings.results is None else rooted(settings.results),
        scenarios=tuple(rooted(path) for path in settings.scenarios),
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"expected text, got {value!r:.60}.")
    return value


def _texts(value: object) -> tuple[str, ...]:
    entries = value if isinstance(value, list) else [value]
    if not entries:
        raise ValueError("expected at least one entry. Write one, or remove the key.")
    return tuple(_text(entry) for entry in entries)


def _forms(value: object) -> tuple[str, ...]:
    known = [form for form in FILES if form != ALWAYS]
    forms = () if value == [] else _texts(value)
    for form in forms:
        if form not in FILES:
            raise ValueError(f"unknown form {form!r:.60}. Forms: {', '.join(known)}; {ALWAYS} is always written.")
    return tuple(form for form in known if form in forms)


def _number(low: int, high: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"expected a whole number from {low} to {high}, got {value!r:.60}.")
        return value

    return check


_CHECKS: dict[str, Callable[[object], Any]] = {
    "profile": _texts,
    "backend": _text,
    "results": lambda value: Path(_text(value)),
    "seed": _number(0, MAX_SEED),
    "jobs": _number(1, MAX_JOBS),
    "scenarios": lambda value: tuple(Path(text) for text in _texts(value)),
    "reports": _forms,
}
