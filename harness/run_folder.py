"""The folder of a run: its journal, its scorecard and reports, and ``latest`` beside it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.errors import NO_ROOM, DiskFull, UsageError
from harness.file_lock import lock_within
from harness.journal import merge_journals, read_journal

__all__ = ["SHARED", "RunFolder", "recovering"]

#: The folder beside the journals of arms, while these run, for what several of them would compute alike.
SHARED = "shared"

#: What file systems without symbolic links say.
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)

#: How long those that conduct arms may take to notice that their harness is dead: they look every second.
_CONDUCTORS_S = 4.0


class RunFolder:
    """``results/<run>/``: ``run.json``, ``journal.jsonl``, ``scorecard.json``, ``experiments.parquet``, and reports
    (`harness.report_files`).

    While arms run, each writes a journal of its own under ``arms/``; `merge` puts them together.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @classmethod
    def create(cls, results: Path, at: datetime) -> RunFolder:
        """A new folder named after the time. Raises `UsageError` if it can't be made."""
        base = at.strftime("%Y-%m-%dT%H-%M-%S")
        try:
            results.mkdir(parents=True, exist_ok=True)
            for number in range(1, 1000):
                path = results / (base if number == 1 else f"{base}-{number}")
                try:
                    (path / "arms").mkdir(parents=True)
                except FileExistsError:
                    continue
                folder = cls(path)
                folder._lock = folder._try_to_lock()
                return folder
        except OSError as error:
            raise unwritable(results, error) from error
        raise UsageError(f"{results} holds 999 runs of this second. Choose another folder with --results.")

    @classmethod
    def claim(cls, path: Path) -> RunFolder:
        """A folder of this name for this process to write to. Raises `UsageError` if it can't be made."""
        folder = cls(path)
        try:
            (path / "arms").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(path.parent, error) from error
        folder._lock = folder._try_to_lock()
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """A folder that exists, if only its scorecard was kept. Raises `UsageError` if it is no run."""
        folder = cls(path)
        if not path.is_dir() or not (folder.journal.exists() or folder.unmerged() or folder.scorecard.exists()):
            raise UsageError(f"{path} is no run: it has no journal.jsonl. Give a folder such as results/latest.")
        return folder

    def in_use(self) -> bool:
        """Whether the process that made the folder still writes to it: it holds a lock, which ends with it."""
        if not (self.path / "arms").is_dir():
            return False
        lock = self._try_to_lock()
        if lock is not None:
            os.close(lock)
        return lock is None

    def require_ended(self) -> None:
        """Raises `UsageError` while the run goes on: what its arms write must be left to it."""
        if self.in_use():
            raise UsageError(f"{self.path} is still running. Wait for its end.")

    def require_journal(self) -> None:
        """Raises `UsageError` if no record is left: then nothing can be judged or drawn anew."""
        if not self.journal.exists() and not self.unmerged():
            raise UsageError(
                f"{self.path}: its journal was pruned; only its scorecard and its rows are left. Run it again."
            )

    def require_whole_journal(self) -> None:
        """Raises `UsageError` if there is no journal to judge by: it was pruned, or its parts were never merged."""
        self.require_journal()
        if not self.journal.exists():
            raise UsageError(
                f"{self.path} was interrupted, and its journal is still in parts. "
                f"`{recovering(self.path.parent)}` puts it together."
            )

    def _try_to_lock(self, within_s: float = 0.0) -> int | None:
        """A locked descriptor of the arms' folder, closed when this process ends; None if another one has it."""
        handle = os.open(self.path / "arms", os.O_RDONLY)
        if lock_within(handle, within_s):
            return handle
        os.close(handle)
        return None

    @contextmanager
    def conducting(self) -> Iterator[None]:
        """Held by a process that runs an arm for the one that made the folder: who takes over waits for it, too."""
        handle = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
            yield
        finally:
            os.close(handle)

    @contextmanager
    def locked(self, *, within_s: float) -> Iterator[bool]:
        """Makes this process the one that may write to the run, once the one that had it has ended.

        False if processes that conduct its arms have not noticed its end within a few seconds. A run whose arms were
        all taken over is nobody's: there is nothing to lock. Raises `UsageError` if it takes longer than ``within_s``
        seconds.
        """
        if not (self.path / "arms").is_dir():
            yield True
            return
        lock = self._try_to_lock(within_s)
        if lock is None:
            raise UsageError(f"{self.path} is in use by another process. Wait for its end, then try again.")
        conductors = os.open(self.path, os.O_RDONLY)
        try:
            yield lock_within(conductors, _CONDUCTORS_S)
        finally:
            os.close(conductors)
            os.close(lock)

    @property
    def journal(self) -> Path:
        """The whole run's journal."""
        return self.path / "journal.jsonl"

    @property
    def scorecard(self) -> Path:
        """The run's judgement; all that `pipequake history prune` leaves of it besides its rows and small files."""
        return self.path / "scorecard.json"

    def arm_journal(self, arm_id: str) -> Path:
        """Where an arm writes while it runs."""
        return self.path / "arms" / (re.sub(r"[^A-Za-z0-9._-]+", "_", arm_id) + ".jsonl")

    def unmerged(self) -> list[Path]:
        """Journals of arms that no `merge` has taken over."""
        return sorted((self.path / "arms").glob("*.jsonl"))

    def merge(self, arm_ids: Sequence[str]) -> None:
        """Makes ``journal.jsonl`` of the arms' journals, in this order, and removes those."""
        parts = [part for part in map(self.arm_journal, arm_ids) if part.exists()]
        merge_journals(parts, self.journal)
        self._clear(parts)

    def merge_unmerged(self) -> None:
        """Takes over what arms an interrupted run left, controls first, behind those that were taken over before."""
        parts = sorted(self.unmerged(), key=lambda part: (not part.name.startswith("control_"), part.name))
        before = [self.journal] if self.journal.exists() else []
        known = {record["arm"] for journal in before for record in read_journal(journal)}
        fresh = [part for part in parts if next(read_journal(part), {"arm": None})["arm"] not in known]
        if fresh or not before:
            merge_journals([*before, *fresh], self.journal)
        self._clear(parts)

    def _clear(self, parts: Sequence[Path]) -> None:
        """Removes journals that were taken over, and what arms shared; what they logged moves to ``logs/``."""
        for part in parts:
            part.unlink()
        for log in sorted((self.path / "arms").glob("*.log*")):
            (self.path / "logs").mkdir(exist_ok=True)
            log.replace(self.path / "logs" / log.name)
        arms = self.path / "arms"
        shutil.rmtree(arms / SHARED, ignore_errors=True)
        if arms.is_dir() and not any(arms.iterdir()):  # somebody who took over before may have removed it
            arms.rmdir()

    def write(self, name: str, content: str | bytes) -> None:
        """Writes a file of the run whole or not at all."""
        draft = self.path / f".{name}.tmp"
        try:
            draft.write_bytes(content.encode() if isinstance(content, str) else content)
            draft.replace(self.path / name)
        except OSError as error:
            with suppress(OSError):  # on a file system that is read-only this fails as well
                draft.unlink(missing_ok=True)
            reason = f"{self.path / name} cannot be written ({error.strerror or error})."
            if error.errno not in NO_ROOM:
                raise UsageError(f"{reason} The journal is safe: then `pipequake score {self.path}`.") from error
            fix = f"pipequake score {self.path}" if self.journal.exists() else recovering(self.path.parent)
            raise DiskFull(f"{reason} Free some space there, then `{fix}`.") from error

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """``run.json``: what was run, when and how. Wall-clock times live here and nowhere else."""
        text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        # Paths may hold bytes that are no text; JSON can't.
        self.write("run.json", text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))

    def manifest(self) -> dict[str, Any]:
        """``run.json``, or nothing if it is missing or unreadable."""
        try:
            loaded = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return loaded if isinstance(loaded, dict) else {}

    def link_latest(self) -> None:
        """Points ``latest`` beside the folder at it."""
        link = self.path.parent / "latest"
        draft = self.path.parent / f".latest-{os.getpid()}"
        if link.exists() and not link.is_symlink():
            return  # somebody's own folder: leave it
        try:
            draft.unlink(missing_ok=True)
            draft.symlink_to(self.path.name)
            draft.replace(link)
        except OSError as error:
            if error.errno in _NO_LINKS:
                return  # runs are named in full there
            kind = DiskFull if error.errno in NO_ROOM else UsageError
            raise kind(
                f"{link} can't be made to lead to {self.path.name} ({error.strerror or error}). The run itself is "
                "whole: name it in full, or make the link by hand."
            ) from error


def recovering(results: Path) -> str:
    """The command that finishes what interrupted runs left in a folder of results."""
    where = "" if str(results) == "results" else f" --results {shlex.quote(str(results))}"
    return f"pipequake recover{where}"


def unwritable(results: Path, error: OSError) -> UsageError:
    """The error for a folder of results that can't be written to."""
    why = "a file is there" if isinstance(error, FileExistsError) else error.strerror or error
    return UsageError(
        f"results cannot be written to {results} ({why}). "
        "Choose another folder with --results (pytest: --chaos-results)."
    )
