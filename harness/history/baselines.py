"""Baselines: what a gate measures a run against, by name.

A saved baseline is ``results/.baselines/<name>/``: a run's folder with nothing but ``scorecard.json`` and ``run.json``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from harness.errors import UsageError
from harness.history.queries import branch_runs
from harness.history.store import NeedsDuckDB, Store, consult
from harness.run_folder import RunFolder

__all__ = ["find_baseline", "origins", "remove_baseline", "save_baseline", "saved_baselines"]

_FOLDER = ".baselines"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def saved_baselines(results: Path) -> list[RunFolder]:
    """The saved baselines, by name."""
    try:
        found = sorted((results / _FOLDER).iterdir())
    except OSError:
        return []
    return [RunFolder(path) for path in found if _NAME.fullmatch(path.name) and (path / "scorecard.json").exists()]


def origins(results: Path) -> frozenset[str]:
    """The runs that were saved as baselines."""
    return frozenset(str(baseline.manifest().get("baseline_of")) for baseline in saved_baselines(results))


def save_baseline(results: Path, name: str, run: RunFolder, scorecard: str) -> Path:
    """Saves a run's scorecard under a name, in place of the one before: there is always one of the two. Raises
    `UsageError`."""
    if name == "list":  # which somebody who looks for that command would get
        raise UsageError("a baseline can't be called 'list': `pipequake baseline` alone lists the saved ones.")
    if not _NAME.fullmatch(name):
        raise UsageError(f"a baseline can't be called {name!r}. Use letters, digits, dots, hyphens and underscores.")
    place = results / _FOLDER / name
    draft = place.with_name(f".{name}.{os.getpid()}.tmp")  # no name of a baseline begins with a dot
    try:
        draft.mkdir(parents=True)
        manifest = {**run.manifest(), "baseline_of": run.path.resolve().name}
        (draft / "run.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        (draft / "scorecard.json").write_text(scorecard, encoding="utf-8")
        place.mkdir(exist_ok=True)
        for file in ("run.json", "scorecard.json"):  # there is room for both by now
            (draft / file).replace(place / file)
    except OSError as error:
        raise UsageError(
            f"{place}: the baseline can't be saved ({error.strerror or error}). "
            "Free some space there, or give another folder with --results."
        ) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return place


def remove_baseline(results: Path, name: str) -> None:
    """Removes a saved baseline. Raises `UsageError` if there is none."""
    if name not in {one.path.name for one in saved_baselines(results)}:
        raise UsageError(f"no baseline is called {name!r}. {_known(results)}")
    try:
        shutil.rmtree(results / _FOLDER / name)
    except OSError as error:
        place = results / _FOLDER / name
        raise UsageError(f"{place}: the baseline can't be removed ({error.strerror or error}).") from None


def find_baseline(results: Path, name: str, run: RunFolder, backend: str, say: Callable[[str], None]) -> RunFolder:
    """What a name stands for: a saved baseline; else the run of that git branch that shares most experiments with
    ``run`` (the newest of several); else a run's folder. Raises `UsageError` if it is none of these."""
    saved = next((one for one in saved_baselines(results) if one.path.name == name), None)
    if saved is not None:
        return saved
    own = run.path.resolve().name if run.path.resolve().parent == results.resolve() else ""

    def question(store: Store) -> list[tuple[str, int]]:
        return branch_runs(store, name, run=own, backend=backend)

    missing = None
    try:
        found = consult(results, say, question) if own else []
    except NeedsDuckDB as error:
        found, missing = [], error
    if found:
        return RunFolder(results / found[0][0])
    folders = [path for path in (Path(name), results / name) if path.is_dir()]
    for path in folders:
        if path.resolve() != run.path.resolve():
            return RunFolder.open(path)
    if folders:
        raise UsageError(
            f"{folders[0]} is the run that is judged: it can't be its own baseline. Name an earlier run, a git branch "
            f"or a saved baseline. {_known(results)}"
        )
    if missing is not None:
        raise missing
    raise UsageError(
        f"there is no baseline {name!r}: none is saved under this name, no run of git branch {name!r} in {results} "
        f"shares an experiment with {run.path}, and no run has this folder. {_known(results)} "
        f"Save one: pipequake baseline {name if _NAME.fullmatch(name) else 'NAME'} RUN"
    )


def _known(results: Path) -> str:
    names = [one.path.name for one in saved_baselines(results)]
    return f"Saved are: {', '.join(names)}." if names else "None is saved."
