"""``pipequake report``."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.commands.output import write_output
from harness.publish import reported
from harness.run_folder import RunFolder

__all__ = ["report_command"]


def report_command(run: Path, *, form: str, output: Path | None) -> None:
    """Writes a run's report to a file, whole or not at all, or to standard output; changes nothing in the run.

    A link stays one, and what is no file (a device, a named pipe) is written to and never replaced.
    """
    folder = RunFolder.open(run)
    folder.require_ended()
    folder.require_whole_journal()
    data = reported(folder).text(form).encode("utf-8")
    if output is None or str(output) == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    write_output(output, data, "--output")
