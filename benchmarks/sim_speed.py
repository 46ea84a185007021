"""How fast the simulator is: a fault-free day of the reference pipeline, the whole network stack included.

    python benchmarks/sim_speed.py [--profile mature] [--repeats 5] [--parts]

Prints simulated time over CPU time and wall time on one core (medians), and with ``--parts`` what happens on such a day
and where the time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import statistics
import sys
import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from harness.arms import run_arm
from harness.targets.base import Arm, Interrupt
from harness.targets.reference import ReferenceTarget

DAY_S = 86_400.0
#: What is counted, by the end of a file's path and the function that is called once for each.
COUNTED = {
    "predictions": ("harness/targets/reference/workload.py", "take"),
    "HTTP requests": ("uvicorn/protocols/http/httptools_impl.py", "on_headers_complete"),
    "batches written": ("reference_pipeline/ingestion/lake.py", "write_partition"),
    "training(s)": ("reference_pipeline/training/candidate.py", "train_candidate"),
}


def simulate(target: ReferenceTarget, arm: Arm) -> tuple[float, float]:
    """CPU and wall seconds of one arm."""
    with tempfile.TemporaryDirectory() as folder:
        cpu, wall = time.process_time(), time.perf_counter()
        reason = run_arm(target, arm, Path(folder) / "journal.jsonl", Interrupt())
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if reason != "horizon":
        sys.exit(f"the day did not end well: {reason}")
    return cpu, wall


def parts(target: ReferenceTarget, arm: Arm) -> tuple[Counter[str], Counter[str]]:
    """Seconds by package, as a profiler sees them (it slows Python code more than C code), and how often what came."""
    profiler = cProfile.Profile()
    profiler.enable()
    simulate(target, arm)
    profiler.disable()
    seconds: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for (file, _, name), (_, calls, own, _, _) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        seconds[_package(file, name)] += own
        for what, (path, function) in COUNTED.items():
            if name == function and file.endswith(path):
                counts[what] += calls
    return seconds, counts


def _package(file: str, name: str) -> str:
    if file == "~":
        return "builtins"
    steps = Path(file).parts
    if "site-packages" in steps:
        return steps[steps.index("site-packages") + 1]
    for ours in ("reference_pipeline", "harness", "chaos"):
        if ours in steps:
            return "/".join(steps[steps.index(ours) : steps.index(ours) + 2])
    return "standard library"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="mature")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--parts", action="store_true")
    options = parser.parse_args()
    target = ReferenceTarget()
    target.prepare(print)
    start = target.default_start()
    day = Arm("day", options.profile, "sim", 1, start, 0.0, DAY_S)
    simulate(target, Arm("warm", options.profile, "sim", 1, start, 0.0, 600.0))  # imports, caches
    runs = [simulate(target, day) for _ in range(options.repeats)]
    cpu, wall = (statistics.median(values) for values in zip(*runs, strict=True))
    print(f"profile {options.profile}: {timedelta(seconds=DAY_S)} simulated, medians of {options.repeats} runs")
    print(f"  CPU  {cpu:5.2f} s   {DAY_S / cpu:8,.0f} x real time   (fastest {min(c for c, _ in runs):.2f} s)")
    print(f"  wall {wall:5.2f} s   {DAY_S / wall:8,.0f} x real time")
    if options.parts:
        seconds, counts = parts(target, day)
        total = sum(seconds.values())
        print("  " + ", ".join(f"{counts[what]:,} {what}" for what in COUNTED))
        print("  where it goes (profiled, share of the time):")
        for package, spent in seconds.most_common(16):
            print(f"    {100 * spent / total:5.1f} %  {package}")


if __name__ == "__main__":
    main()
