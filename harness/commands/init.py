"""``pipequake init``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from harness.errors import UsageError

__all__ = ["init_command"]

_STARTER = Path(__file__).resolve().parents[1] / "starter"
#: What goes where in the user's folder.
_FILES = {
    "pipequake.toml": "pipequake.toml",
    "scenarios/weather-goes-null.yaml": "weather-goes-null.yaml",
    "scenarios/feature-store-hangs.yaml": "feature-store-hangs.yaml",
    "tests/test_chaos.py": "test_chaos.py.txt",
    ".github/workflows/chaos.yml": "chaos.yml",
}
_MEANING = {
    "pipequake.toml": "defaults of the commands, each explained",
    "scenarios/weather-goes-null.yaml": "a scenario: data goes missing",
    "scenarios/feature-store-hangs.yaml": "a scenario: a dependency stops answering",
    "tests/test_chaos.py": "experiments and faults in Python tests",
    ".github/workflows/chaos.yml": "chaos tests for every change, and once a night",
}


def init_command(folder: Path) -> list[str]:
    """Writes the start of a project into a folder, all of it or nothing; the lines to show.

    Raises `UsageError` if a file is there already or one can't be written.
    """
    _refuse_what_is_there(folder)
    written: list[Path] = []
    made: list[Path] = []
    try:
        for name, source in _FILES.items():
            path = folder / name
            made += _make_folder(path.parent)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write((_STARTER / source).read_text(encoding="utf-8"))
    except OSError as error:
        _take_back(written, made)
        reason = error.strerror or error
        raise UsageError(f"{error.filename or folder}: cannot be written ({reason}). Nothing was changed.") from error
    width = max(map(len, _FILES))
    return [
        *(f"wrote {name:<{width}}  {_MEANING[name]}" for name in _FILES),
        "",
        "now try:",
        "  pipequake run      the scenarios, with a report",
        "  pytest --chaos     the same as tests, beside your own",
        "results/ should not be under version control.",
    ]


def _refuse_what_is_there(folder: Path) -> None:
    there = [name for name in _FILES if (folder / name).is_symlink() or (folder / name).exists()]
    project = folder / "pyproject.toml"
    with suppress(OSError, UnicodeDecodeError):
        if "[tool.pipequake]" in project.read_text(encoding="utf-8"):
            there.append("pyproject.toml with [tool.pipequake]")
    if there:
        listed = "\n".join(f"  {name}" for name in there)
        raise UsageError(
            f"already there, so that nothing was written:\n{listed}\nMove them away, or start in a new folder."
        )


def _make_folder(folder: Path) -> list[Path]:
    """Makes a folder with its parents; those that are new, outermost first."""
    new = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return new[::-1]


def _take_back(written: list[Path], made: list[Path]) -> None:
    for path in written:
        path.unlink(missing_ok=True)
    for folder in reversed(made):
        with suppress(OSError):
            folder.rmdir()
