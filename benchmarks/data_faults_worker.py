"""The measuring half of `data_faults`: runs cases on request, one JSON line each way. Standard library and pandas only,
so that a peer in an environment of its own runs the very same code.

Each answer holds the CPU milliseconds of each repeat and the peak of memory above what was there before, in MB.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

CASES_OF = Callable[[pd.DataFrame], Mapping[str, Callable[[], Any]]]

#: Glibc hands out fresh pages for what is larger, as the first call in a process would get them.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "1048576", "MALLOC_ARENA_MAX": "1"}


def read_frame(path: str, *, text: str) -> pd.DataFrame:
    """The mixed frame from its Parquet file, with text as ``object`` or as Arrow-backed ``str``."""
    frame = pd.read_parquet(path)
    for name in ("s1", "s2"):
        frame[name] = frame[name].astype(object) if text == "object" else frame[name].astype("str")
    frame["c"] = frame["c"].astype("category")
    return frame


def resident_mb(field: str) -> float:
    """A line of the kernel's account of this process: ``VmRSS`` now, ``VmHWM`` at most since `forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return float("nan")


def forget_peak() -> None:
    """Let the kernel count the peak from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def measure(step: Callable[[], Any], repeats: int) -> dict[str, float]:
    """CPU of the median repeat, and memory of the first, which is the one that allocates.

    A collection of garbage before each repeat also empties the caches of the processor, as other work would. The
    repeats in a row without one come last: ``warm_ms``.
    """
    gc.collect()
    forget_peak()
    before = resident_mb("VmRSS")
    result = step()
    peak = resident_mb("VmHWM") - before
    del result
    times = []
    for _ in range(repeats):
        gc.collect()
        begin = time.process_time()
        result = step()
        times.append((time.process_time() - begin) * 1e3)
        del result
    gc.collect()
    gc.disable()
    warm = []
    for _ in range(repeats):
        begin = time.process_time()
        result = step()
        warm.append((time.process_time() - begin) * 1e3)
        del result
    gc.enable()
    return {"cpu_ms": statistics.median(times), "warm_ms": statistics.median(warm), "peak_mb": max(peak, 0.0)}


def serve(cases_of: Callable[[str], Mapping[str, Callable[[], Any]]]) -> None:
    """Answer requests from standard input until it ends: ``{"path", "case", "repeats"}``, or only a path to load."""
    cases: Mapping[str, Callable[[], Any]] = {}
    loaded = None
    for line in sys.stdin:
        request = json.loads(line)
        if request["path"] != loaded:
            cases, loaded = cases_of(request["path"]), request["path"]
        case = cases.get(request["case"])
        print(json.dumps(measure(case, request["repeats"]) if case else None), flush=True)


def fresh_environment() -> dict[str, str]:
    """The environment for a worker."""
    return {**os.environ, **MALLOC, "PYTHONHASHSEED": "0"}
