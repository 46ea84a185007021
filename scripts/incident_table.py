"""Runs the eight incidents under every profile and prints what came of each, as a Markdown table.

    python scripts/incident_table.py [--profile NAME] [--only NAME] [--jobs 2] [--seed 1] [RUN...]

``value`` is what the predictions were worth to who acts on them (`reference_pipeline.monitoring.days.value_of`), as the
difference to the control run, over the horizon. Runs that are there already are read instead of run again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
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
        changes = [f"{change:+.1%}".replace("%", " %") for change in (self.value_change, self.loss_change)]
        cells = [self.incident, self.profile, self.outcome.upper(), *changes, self.detected, self.recovery]
        return f"| {' | '.join(cells)} |"


HEADER = "| incident | profile | outcome | value | error² | detected | recovery |\n|---|---|---|---|---|---|---|"


def run(folder: Path, profiles: Sequence[str], only: Sequence[str], jobs: int, seed: int) -> Path:
    """Runs incidents; the folder of the results."""
    command = [sys.executable, "-m", "harness.cli", "run", str(ROOT / "scenarios" / "incidents")]
    command += [word for name in profiles for word in ("--profile", name)]
    command += [word for name in only for word in ("--only", name)]
    command += ["--jobs", str(jobs), "--seed", str(seed)]
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(done.stdout + done.stderr)
    return (folder / "results" / "latest").resolve()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def rows(results: Path) -> Iterator[Row]:
    """A row for each experiment, by incident and profile."""
    try:
        card = json.loads((results / "scorecard.json").read_text())
    except OSError as error:
        sys.exit(f"{results} is no run that has ended: {error}")
    starts, requests = _journal(results / "journal.jsonl")
    for found in card["experiments"]:
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--profile", action="append", default=[])
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        profiles = options.profile or list(PROFILES)
        runs = options.runs or [run(Path(folder), profiles, options.only, options.jobs, options.seed)]
        found = [row for results in runs for row in rows(results)]
    order = list(PROFILES)
    print(HEADER)
    for row in sorted(found, key=lambda row: (row.incident, order.index(row.profile))):
        print(row)


if __name__ == "__main__":
    main()
