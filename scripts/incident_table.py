"""Runs the eight incidents under every profile and prints what came of each.

    python scripts/incident_table.py [--jobs 2] [--seed 1]

``value`` is what the predictions were worth to who acts on them (`reference_pipeline.monitoring.days.value_of`), as the
difference to the control run, over the horizon.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from reference_pipeline.monitoring.days import value_of
from reference_pipeline.profiles import PROFILES

Requests = dict[str, list[tuple[float, float, int]]]


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one incident under one profile."""

    incident: str
    profile: str
    outcome: str
    detected: str
    recovery: str
    value_change: float
    loss_change: float

    def __str__(self) -> str:
        changes = f"{self.value_change:+7.1%} {self.loss_change:+7.1%}"
        return f"{self.incident:27} {self.profile:12} {self.outcome:9} {changes}  {self.detected:31} {self.recovery}"


def run(folder: Path, jobs: int, seed: int) -> Path:
    """Runs the incidents; the folder of the results."""
    profiles = [word for name in PROFILES for word in ("--profile", name)]
    command = [sys.executable, "-m", "harness.cli", "run", str(ROOT / "scenarios" / "incidents"), *profiles]
    command += ["--jobs", str(jobs), "--seed", str(seed)]
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(done.stdout + done.stderr)
    return (folder / "results" / "latest").resolve()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def rows(results: Path) -> Iterator[Row]:
    """A row for each experiment, by incident and profile."""
    card = json.loads((results / "scorecard.json").read_text())
    starts, requests = _journal(results / "journal.jsonl")
    order = list(PROFILES)
    for found in sorted(card["experiments"], key=lambda e: (e["scenario"], order.index(e["profile"]))):
        start = starts[found["arm"]]
        span = start["warmup_s"], start["warmup_s"] + start["horizon_s"]
        value, loss = _worth(requests[found["arm"]], span)
        value_before, loss_before = _worth(requests[start["control"]], span)
        fault = found["faults"][0]
        yield Row(
            incident=found["scenario"],
            profile=found["profile"],
            outcome=found["outcome"],
            detected=_detected(fault),
            recovery=fault["recovery"]["kind"] if fault["recovery"] else "unknown",
            value_change=value / value_before - 1,
            loss_change=loss / loss_before - 1,
        )


def _journal(path: Path) -> tuple[dict[str, Any], Requests]:
    starts: dict[str, Any] = {}
    requests: Requests = {}
    with path.open() as lines:
        for line in lines:
            record = json.loads(line)
            if record["kind"] == "arm.start":
                starts[record["arm"]] = record
            elif record["kind"] == "request":
                p = np.nan if record["p"] is None else record["p"]
                requests.setdefault(record["arm"], []).append((record["sent"], p, record["y"]))
    return starts, requests


def _worth(requests: list[tuple[float, float, int]], span: tuple[float, float]) -> tuple[float, float]:
    """Value (no answer warns nobody) and mean squared error of what was answered."""
    sent, p, late = np.array(requests, dtype=float).T
    due = (sent >= span[0]) & (sent < span[1])
    return value_of(np.nan_to_num(p[due]), late[due]), float(np.nanmean((p[due] - late[due]) ** 2))


def _detected(fault: dict[str, Any]) -> str:
    detection = fault["detection"]
    if not detection or not detection["first"]:
        return "no alert"
    minutes, name = detection["time_to_detect_s"] / 60, detection["first"]["name"]
    return f"{minutes:.0f} min {name}" if minutes < 180 else f"{minutes / 60:.0f} h {name}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{'incident':27} {'profile':12} {'outcome':9}   value  error²  {'detected by':31} recovery")
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(run(Path(folder), options.jobs, options.seed)):
            print(row)


if __name__ == "__main__":
    main()
