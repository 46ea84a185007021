"""Fills the documentation's blocks with what really comes out.

    python scripts/update_docs.py [--check] [FILE...]

A block that follows ``<!-- output: COMMAND -->`` holds the command's output, one that follows ``<!-- file: PATH -->``
the file. ``--check`` changes nothing and fails if a file's block is out of date (outputs are not run again then).
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(<!-- (output|file): (.*?) -->\n```\w*\n)(.*?)(```)", re.DOTALL)


def output_of(command: str) -> str:
    """Standard output of a command, run at the top with the environment's programs; 0 and 1 are its ways to succeed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(shlex.split(command), cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{command}: exit code {done.returncode}\n{done.stderr}")
    lines = [line.rstrip() for line in done.stdout.splitlines() if not line.startswith(("preparing", "computing"))]
    return "\n".join(lines).strip("\n") + "\n"


def updated(text: str, *, run: bool) -> str:
    """The text with its blocks filled; outputs only if ``run``."""

    def fill(match: re.Match[str]) -> str:
        head, kind, what, old, tail = match.groups()
        if kind == "file":
            return head + (ROOT / what).read_text(encoding="utf-8") + tail
        return head + (output_of(what) if run else old) + tail

    return BLOCK.sub(fill, text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()
    files = options.files or [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    stale = []
    for file in files:
        old = file.read_text(encoding="utf-8")
        new = updated(old, run=not options.check)
        if new != old:
            stale.append(str(file))
            if not options.check:
                file.write_text(new, encoding="utf-8")
    if options.check and stale:
        sys.exit(f"out of date: {', '.join(stale)}; run scripts/update_docs.py")


if __name__ == "__main__":
    main()
