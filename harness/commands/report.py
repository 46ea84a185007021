"""``pipequake report``."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from harness.errors import UsageError
from harness.publish import reported
from harness.run_folder import RunFolder

__all__ = ["report_command"]


def report_command(run: Path, *, form: str, output: Path | None) -> None:
    """Writes a run's report to a file, whole or not at all, or to standard output; changes nothing in the run."""
    folder = RunFolder.open(run)
    if not folder.journal.exists():
        raise UsageError(
            f"{run} was interrupted, and its journal is still in parts. `pipequake recover` puts it together."
        )
    text = reported(folder).text(form)
    if output is None or str(output) == "-":
        sys.stdout.buffer.write(text.encode("utf-8"))
        sys.stdout.buffer.flush()
        return
    draft = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        draft.replace(output)
    except OSError as error:
        with suppress(OSError):  # on a file system that is read-only this fails as well
            draft.unlink(missing_ok=True)
        raise UsageError(
            f"{output} can't be written ({error.strerror or error}). Give another file with --output."
        ) from None
