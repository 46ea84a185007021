"""What the installed plugin costs a suite that does not use it: CPU time of pytest on one empty test, with and without.

python benchmarks/pytest_plugin.py [--repeats N]
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def cpu_s(folder: Path, plugins: list[str]) -> float:
    """CPU seconds of one run of pytest without any other plugin."""
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as on a user's machine: compiled once, then read
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins], cwd=folder, env=environment, check=True, capture_output=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n")
        (folder / "test_empty.py").write_text("def test_empty():\n    pass\n")
        ours = ["-p", "harness.pytest_plugin"]
        cpu_s(folder, ours)
        pairs = [(cpu_s(folder, []), cpu_s(folder, ours)) for _ in range(repeats)]
    without = statistics.median(pair[0] for pair in pairs)
    cost = statistics.median(pair[1] - pair[0] for pair in pairs)
    print(f"pytest on one empty test: {1000 * without:.0f} ms of CPU; the plugin adds {1000 * cost:.1f} ms")
    print(f"(medians of {repeats} pairs, one after the other)")


if __name__ == "__main__":
    main()
