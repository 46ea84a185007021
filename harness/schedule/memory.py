"""The state of a schedule on disk: written whole or not at all, held by one service at a time."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.schedule.decide import JobState, Running, State

__all__ = ["Memory"]

_VERSION = "pipequake.schedule/1"


class Memory:
    """A state file. `hold` refuses a second service on it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def hold(self) -> None:
        """Takes the state for this process, until it ends. Raises `UsageError` if another one has it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path.with_name(self.path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise UsageError(
                f"{self.path} is held by another scheduler. End that one, or use another `state`."
            ) from None
        self._lock = handle

    def release(self) -> None:
        """Gives the state to others."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def load(self) -> State:
        """What is remembered; nothing if there is no file. Raises `UsageError` if it can't be read."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return State()
        except OSError as error:
            raise UsageError(f"{self.path} cannot be read ({error.strerror}).") from error
        try:
            raw = json.loads(text)
            if raw["version"] != _VERSION:
                raise ValueError(raw["version"])
            return _state(raw["state"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{self.path} is no state of this version ({type(error).__name__}). Move it away to begin anew; "
                "what was due meanwhile is then forgotten."
            ) from None

    def save(self, state: State) -> None:
        """Keeps the state. Raises `UsageError` if it can't be written; the last one is then still whole."""
        draft = self.path.with_name(f".{self.path.name}.tmp")
        try:
            with draft.open("w", encoding="utf-8") as file:
                json.dump({"version": _VERSION, "state": asdict(state)}, file, default=_plain, indent=1, sort_keys=True)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        except OSError as error:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise _unwritable(self.path, error) from error


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path} cannot be written ({error.strerror}). Choose another `state` in the schedule file.")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment


def _sure(text: str) -> datetime:
    moment = _moment(text)
    if moment is None:
        raise ValueError("no moment")
    return moment


def _state(raw: Mapping[str, Any]) -> State:
    running = raw["running"]
    return State(
        jobs={name: _job(mine) for name, mine in raw["jobs"].items()},
        running=None
        if running is None
        else Running(running["job"], _sure(running["due"]), int(running["attempt"]), _sure(running["started"])),
        started=_moment(raw["started"]),
        harms=tuple((_sure(when), float(harm)) for when, harm in raw["harms"]),
        dirty=bool(raw["dirty"]),
    )


def _job(raw: Mapping[str, Any]) -> JobState:
    return JobState(
        seen=_sure(raw["seen"]),
        waiting=_moment(raw["waiting"]),
        retry_at=_moment(raw["retry_at"]),
        retry_due=_moment(raw["retry_due"]),
        attempt=int(raw["attempt"]),
        started=_moment(raw["started"]),
        verdict=raw["verdict"],
        tiers=dict(raw["tiers"]),
        untold=bool(raw.get("untold", False)),
    )
