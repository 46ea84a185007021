"""The global stop file: while it exists no run goes on, whoever started it and wherever it runs."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import UsageError

__all__ = ["StopFile", "default_stop_file"]


def default_stop_file() -> Path:
    """``$PIPEQUAKE_STOP_FILE``, or ``~/.pipequake.stop``."""
    named = os.environ.get("PIPEQUAKE_STOP_FILE")
    return Path(named) if named else Path.home() / ".pipequake.stop"


class StopFile:
    """One path. What the file says is shown as the reason."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def present(self) -> bool:
        """Whether everything is to stop."""
        return self.path.exists()

    def refuse_start(self) -> None:
        """Raises `UsageError` while it is there."""
        if self.present():
            raise UsageError(
                f"stopped by {self.path}{self._reason()}: no run starts while this file exists. "
                "Remove it with `pipequake stop --clear`."
            )

    def put(self, reason: str) -> None:
        """Stops everything that runs, and everything that would start."""
        text = f"{datetime.now(UTC).isoformat(timespec='seconds')} {reason}".strip() + "\n"
        try:
            self.path.write_text(text, encoding="utf-8", errors="replace")
        except OSError as error:
            raise UsageError(f"{self.path} cannot be written ({error.strerror}). Set PIPEQUAKE_STOP_FILE.") from error

    def clear(self) -> bool:
        """Removes it; whether there was one. Raises `UsageError`, also for what no `put` has made: a device."""
        if self.path.exists() and not self.path.is_file():
            raise UsageError(f"{self.path} is no file. Set PIPEQUAKE_STOP_FILE to one, or unset it.")
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise UsageError(f"{self.path} cannot be removed ({error.strerror}).") from error
        return True

    def _reason(self) -> str:
        try:
            said = self.path.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""
        shown = " ".join("".join(c if c.isprintable() else " " for c in said[:200]).split())
        return f" ({shown})" if shown else ""
