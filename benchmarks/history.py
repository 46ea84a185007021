"""How long questions to a store of many runs take, and how fast runs get into it.

    python benchmarks/history.py [--runs 100000] [--experiments 4] [--whole 300]

Makes a store in a temporary folder. ``--whole`` of its runs are complete folders, written and read by the code that
writes and reads real ones; of the others there is the folder, and the rows, which differ from run to run, go into the
index by the code that writes it. Then the real commands are run, each in a process of its own: a first time, and the
best of three. Times are CPU seconds of the whole process, Python's start included, beside the wall clock.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "history")]

from made import finding, manifest, put, scorecard

from harness.history.columns import SCHEMA
from harness.history.index import extend, prepare, read_index, write_lock
from harness.history.rows import rows_of
from harness.history.store import open_store

FIRST = datetime(2024, 1, 1)
BATCH = 5000


def made_rows(first: int, runs: int, experiments: int, random: np.random.Generator) -> pa.Table:
    """Rows of so many runs, an hour apart, half of them of branch main: all columns, with values that vary."""
    found = [finding(scenario=f"scenario-{n}", detected_s=60.0, back_s=600.0) for n in range(experiments)]
    one = rows_of(scorecard(found), manifest(1), "run")
    table = pa.concat_tables([one] * runs)
    numbers = np.repeat(np.arange(first, first + runs), experiments)
    seconds = random.gamma(2.0, 60.0, len(numbers))
    new = {
        "run": [name(number) for number in numbers],
        "started": [FIRST + timedelta(hours=int(number)) for number in numbers],
        "git_branch": ["main" if number % 2 else "topic" for number in numbers],
        "git_commit": [f"{number:040x}" for number in numbers],
        "time_to_detect_s": seconds,
        "mttd_sum": seconds,
        "harm_h": random.gamma(1.0, 0.1, len(numbers)),
        "outcome": random.choice(["caught", "absorbed", "silent"], len(numbers), p=[0.5, 0.45, 0.05]),
    }
    for column, values in new.items():
        place = SCHEMA.get_field_index(column)
        table = table.set_column(place, SCHEMA.field(column), pa.array(values, SCHEMA.field(column).type))
    return table.replace_schema_metadata(SCHEMA.metadata)


def name(number: int) -> str:
    """A run's name."""
    return f"run-{number:07d}"


def measured(title: str, action: Callable[[], object]) -> None:
    """Prints what an action in this process takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    print(f"{title:<52} {time.process_time() - cpu:7.2f} s CPU  {time.perf_counter() - wall:7.2f} s wall")


def command(*arguments: str) -> tuple[float, float, int]:
    """CPU seconds, wall seconds and exit code of a command."""
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1, 3):
        sys.exit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - wall, done.returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--experiments", type=int, default=4)
    parser.add_argument("--whole", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        results = Path(scratch) / "results"
        results.mkdir()
        build(results, options)
        ask(results)


def build(results: Path, options: argparse.Namespace) -> None:
    """Makes the store."""
    random, rest = np.random.default_rng(1), options.runs - options.whole
    prepare(results)
    for number in range(rest):
        (results / name(number)).mkdir()

    def index() -> None:
        with write_lock(results):
            for first in range(0, rest, BATCH):
                rows = made_rows(first, min(BATCH, rest - first), options.experiments, random)
                extend(results, read_index(results), [rows])

    def whole() -> None:
        for number in range(rest, options.runs):
            found = [
                finding(scenario=f"scenario-{n}", detected_s=50.0 + number % 20) for n in range(options.experiments)
            ]
            started = (FIRST + timedelta(hours=number)).isoformat() + "+00:00"
            about = {**manifest(1, branch="main" if number % 2 else "topic"), "started": started}
            put(results / name(number), found, about)

    measured(f"index of {rest:,} runs, {BATCH:,} at a time", index)
    measured(f"{options.whole} whole runs: scorecard and rows written", whole)
    measured(f"{options.whole} whole runs read and added to the index", lambda: open_store(results, print, fold=True))
    (results / "latest").symlink_to(name(options.runs - 1))
    size = sum(file.stat().st_size for file in (results / ".history").rglob("*.parquet"))
    index_now = read_index(results)
    rows = sum(segment.rows for segment in index_now.segments)
    runs = len(index_now.runs())
    print(f"index: {rows:,} rows of {runs:,} runs in {len(index_now.segments)} files, {size / 1e6:.1f} MB\n")


def ask(results: Path) -> None:
    """Runs the commands."""
    where = ["--results", str(results)]
    questions = {
        "history": ["history", *where],
        "history --branch main --since 2024-06-01": ["history", "--branch", "main", "--since", "2024-06-01", *where],
        "history --scenario scenario-1 --limit 100": [
            "history",
            "--scenario",
            "scenario-1",
            "--limit",
            "100",
            *where,
        ],
        "trend scenario-0": ["trend", "scenario-0", *where],
        "trend scenario-0 --html": ["trend", "scenario-0", "--html", str(results.parent / "page.html"), *where],
        "gate --baseline main": ["gate", "--baseline", "main", *where],
    }
    print(f"{'':<46} {'first':>14}   {'best of three':>20}")
    for title, arguments in questions.items():
        (cpu, wall, code), *rest = [command(*arguments) for _ in range(4)]
        best = min(rest, key=lambda one: one[1])
        print(f"{title:<46} {cpu:5.2f} / {wall:5.2f} s   CPU {best[0]:.2f} / wall {best[1]:.2f} s   exit {code}")


if __name__ == "__main__":
    main()
