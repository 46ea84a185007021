"""``pipequake history prune``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.text import Text

from harness.console import report_console
from harness.history.retention import plan_retention, prune_run
from harness.reports.narrative import plain
from harness.verdict import ExitCode

__all__ = ["prune_command"]

_SHOWN = 20


def prune_command(results: Path, *, keep: int | None, older_s: float | None, really: bool) -> int:
    """Removes journals and large files of old runs, or says what would be removed; the exit code."""
    plan = plan_retention(results, keep=keep, older_s=older_s, now=datetime.now(UTC))
    console, failed = report_console(), 0
    freed = runs = 0
    for number, share in enumerate(plan.shares):
        if really:
            try:
                if not prune_run(results / share.run, share):
                    continue
            except OSError as error:
                print(f"{results / share.run}: {error.strerror or error}", file=sys.stderr)
                failed += 1
                continue
        freed, runs = freed + share.size, runs + 1
        if number < _SHOWN:
            files = f"{len(share.files)} file{'s' * (len(share.files) != 1)}"
            console.print(Text(f"{plain(share.run)}  {size_text(share.size)} in {files}"))
    if len(plan.shares) > _SHOWN:
        console.print(f"... and {len(plan.shares) - _SHOWN} more")
    for run, why in plan.spared.items():
        console.print(Text(f"{plain(run)}  left alone: {plain(why)}", style="dim"))
    done = "removed" if really else "would be removed"
    console.print(f"{size_text(freed)} of {runs} run{'s' * (runs != 1)} {done}; scorecards and rows stay")
    if plan.shares and not really:
        console.print("nothing was changed; --yes does it")
    return ExitCode.USAGE if failed else ExitCode.PASSED


def size_text(size: int) -> str:
    """A size in bytes, short.

    >>> size_text(512), size_text(2_500_000)
    ('1 kB', '2.5 MB')
    """
    if size >= 10**9:
        return f"{size / 10**9:.1f} GB"
    return f"{size / 10**6:.1f} MB" if size >= 10**6 else f"{-(-size // 1000)} kB"
