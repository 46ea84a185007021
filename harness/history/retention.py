"""What is kept of old runs: scorecards, rows and small files for good, journals and what is large for a while."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import UsageError
from harness.history.baselines import origins
from harness.history.folders import run_names
from harness.history.rows import FILE
from harness.run_folder import RunFolder, recovering
from harness.scoring.scorecard import Scorecard

__all__ = ["Retention", "Share", "plan_retention", "prune_run"]

#: Never removed, whatever their size.
KEPT = frozenset({"run.json", "scorecard.json", FILE, "gameday.jsonl"})
#: Removed whatever their size: a run can't be scored again without them.
_RECORDS = frozenset({"journal.jsonl", "journal.jsonl.part"})
_RECORD_FOLDERS = frozenset({"logs", "superseded"})
#: Any other file goes if it is larger.
_LARGE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Share:
    """What would be removed of one run."""

    run: str
    files: tuple[Path, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Retention:
    """What is to be removed, and which runs are left alone though they are old, with the reason."""

    shares: tuple[Share, ...]
    spared: dict[str, str]


def plan_retention(results: Path, *, keep: int | None, older_s: float | None, now: datetime) -> Retention:
    """Decides, and removes nothing. ``now`` is in UTC. Raises `UsageError` if there is no such folder.

    A run is old if it is neither among the newest ``keep`` nor younger than ``older_s``. It is spared if it was saved
    as a baseline, is in use, or has no scorecard that could stand for its journal.
    """
    runs = [RunFolder(results / name) for name in run_names(results)]
    aged = sorted(((_started(run), run.path.name, run) for run in runs if _is_run(run)), reverse=True)
    baselines, shares, spared = origins(results), [], {}
    for place, (started, name, run) in enumerate(aged):
        if (keep is not None and place < keep) or (older_s is not None and (now - started).total_seconds() < older_s):
            continue
        files = tuple(_removable(run.path))
        why = _why_spared(run, baselines) if files else ""
        if why:
            spared[name] = why
        elif files:
            shares.append(Share(name, files, sum(_size(file) for file in files)))
    return Retention(tuple(shares), spared)


def prune_run(run: Path, share: Share) -> bool:
    """Removes a run's share; False if the run has come into use meanwhile. Raises ``OSError``."""
    if RunFolder(run).in_use() or not (run / "scorecard.json").exists():
        return False
    for file in share.files:
        file.unlink(missing_ok=True)
    for name in _RECORD_FOLDERS | {"arms"}:
        if (run / name).is_dir():
            shutil.rmtree(run / name)
    return True


def _is_run(run: RunFolder) -> bool:
    return any((run.path / name).exists() for name in ("run.json", "journal.jsonl", "scorecard.json"))


def _started(run: RunFolder) -> datetime:
    """When the run was started; if that is unknown, when its folder was last changed."""
    try:
        moment = datetime.fromisoformat(str(run.manifest().get("started")))
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(run.path.stat().st_mtime, UTC)


def _why_spared(run: RunFolder, baselines: Collection[str]) -> str:
    if run.path.name in baselines:
        return "a baseline"
    if run.in_use():
        return "in use"
    if run.unmerged() or list((run.path / "arms").glob("*.live.json")):
        return f"interrupted: `{recovering(run.path.parent)}` first"
    try:
        Scorecard.from_json(run.scorecard.read_text(encoding="utf-8"))
    except (OSError, ValueError, UsageError):
        return f"no scorecard that this version can read: `pipequake score {run.path}` first"
    return ""


def _removable(run: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(run):
        inside = Path(folder).relative_to(run).parts
        for name in names:
            file = Path(folder) / name
            if inside:
                removable = inside[0] in _RECORD_FOLDERS
            else:
                removable = name in _RECORDS or (name not in KEPT and _size(file) > _LARGE_BYTES)
            if removable:
                yield file


def _size(file: Path) -> int:
    return file.lstat().st_size
