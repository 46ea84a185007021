"""What the whole library costs: time, and the most memory of all its processes together, on an empty cache.

    python benchmarks/suite.py [PATH ...] [--profile NAME ...] [--jobs 2] [--keep FOLDER]

Plays the scenarios under all profiles in one `pipequake run`, as a user would. Memory is the sum of the proportional
set sizes (pages that processes share count once), looked at each second, so that a peak between two looks is not seen.
Linux alone.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from reference_pipeline.profiles import PROFILES

EVERY_S = 1.0


def processes_with(mark: bytes) -> Iterator[Path]:
    """The folders in /proc of the processes whose environment holds the mark: also those that outlived their parent."""
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark in (folder / "environ").read_bytes():
                yield folder
        except OSError:
            continue  # gone, or somebody else's


def memory_kib(mark: bytes) -> int:
    """The sum of the processes' proportional set sizes."""
    total = 0
    for folder in processes_with(mark):
        try:
            lines = (folder / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", metavar="PATH", help="all of scenarios/ without it")
    parser.add_argument("--profile", action="append", help="all without it")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", metavar="FOLDER", help="where the run is kept, to look at it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pipequake-suite-") as scratch:
        results = options.keep or f"{scratch}/results"
        command = [sys.executable, "-m", "harness.cli", "run", *(options.paths or [str(ROOT / "scenarios")])]
        command += [f"--profile={name}" for name in options.profile or PROFILES]
        command += [f"--jobs={options.jobs}", f"--results={results}"]
        environment = {**os.environ, "PIPEQUAKE_CACHE": f"{scratch}/cache", "PYTHONPATH": str(ROOT)}
        said = Path(scratch, "said")
        begun = time.monotonic()
        with said.open("w") as output:
            run = subprocess.Popen(command, env=environment, stdout=output)
        most, looks = 0, 0
        while run.poll() is None:
            most, looks = max(most, memory_kib(scratch.encode())), looks + 1
            time.sleep(EVERY_S)
        wall_s = time.monotonic() - begun
        print(*(line for line in said.read_text().splitlines() if line.startswith("cost in")), sep="\n")
    print(f"{wall_s:.0f} s wall-clock, {options.jobs} jobs")
    print(f"{most / 2**20:.2f} GiB at the most, of {looks} looks")
    sys.exit(0 if run.returncode in (0, 1) else run.returncode)


if __name__ == "__main__":
    main()
