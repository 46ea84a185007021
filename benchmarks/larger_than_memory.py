"""What memory `chaos.inject_parquet` takes, for data sets of several sizes, in row groups and in one huge row group.

    python benchmarks/larger_than_memory.py [--gigabytes 0.6 6]

Three faults, on numbers, on text and on rows, are streamed through a file of numbers and long texts, in a process of
its own for each size. Sizes are those of the rows in memory; on disk the texts are few, and the file is small.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import chaos
from chaos.registry import registry

#: Bytes of a row in memory: two numbers, a text, and where it begins.
WIDTH = 8 + 8 + 500 + 4
LAYOUTS = {"row groups of 100,000 rows": 100_000, "one row group": 10**9}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one data set took: the process with all imports, at most, and what of it Arrow held at most."""

    before_mb: float
    peak_mb: float
    arrow_mb: float
    cpu_s: float


def write_rows(path: Path, rows: int, row_group: int) -> None:
    """A file of numbers, no two of a column alike, and 64 texts of 500 characters."""
    words = pa.array([f"{i:04d} " * 100 for i in range(64)])
    ids = np.arange(rows)
    notes = pa.DictionaryArray.from_arrays(pa.array((ids * 7 % 64).astype(np.int32)), words)
    table = pa.table({"id": ids, "value": np.sqrt(ids), "note": notes})
    pq.write_table(table, path, row_group_size=row_group, store_schema=False)


def stream(source: str, target: str) -> None:
    """In a process of its own: inject, and print what it took."""
    faults = [
        registry.create("data.null_spike", {"column": "value", "rate": 0.1}),
        registry.create("data.typos", {"column": "note", "rate": 0.01}),
        registry.create("data.delete_rows", {"rate": 0.01}),
    ]
    chaos.inject  # noqa: B018  # imports what it needs
    before, begin = status_mb("VmRSS"), time.process_time()
    chaos.inject_parquet(source, target, *faults, seed=7)
    took = time.process_time() - begin
    print(before, status_mb("VmHWM"), pa.default_memory_pool().max_memory() / 2**20, took)


def status_mb(field: str) -> float:
    """A line of the kernel's account of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) / 1024


def costs(sizes: list[float]) -> Iterator[tuple[str, int, float, float, Cost]]:
    """(layout, rows, MB in memory, MB on disk, cost)"""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.parquet", Path(folder) / "out.parquet"
        for layout, row_group in LAYOUTS.items():
            for size in sizes:
                rows = int(size * 2**30 / WIDTH)
                write_rows(source, rows, row_group)
                run = [sys.executable, __file__, "--stream", str(source), str(target)]
                done = subprocess.run(run, capture_output=True, text=True, check=True)
                cost = Cost(*map(float, done.stdout.split()))
                yield layout, rows, rows * WIDTH / 2**20, source.stat().st_size / 2**20, cost


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[0.6, 6.0])
    parser.add_argument("--stream", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stream:
        stream(*args.stream)
        return
    head = ("layout", "rows", "MB in memory", "MB on disk", "MB before", "MB at most", "of it Arrow's", "CPU s")
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|")
    for layout, rows, held, on_disk, cost in costs(args.gigabytes):
        sizes = (held, on_disk, cost.before_mb, cost.peak_mb, cost.arrow_mb)
        cells = [layout, f"{rows:,}", *(f"{size:,.0f}" for size in sizes), f"{cost.cpu_s:.1f}"]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
