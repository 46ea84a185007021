"""Does the simulator tell the truth? Six scenarios, one a family, in virtual time and on real processes.

    python benchmarks/calibration.py [--profile basic] [--profile mature] [--time-scale 120] [--repeats 2] [--jobs 4]
    python benchmarks/calibration.py --backend compose    # two of them, in containers

Runs ``benchmarks/calibration/*.yaml`` once with ``--backend sim`` and ``--repeats`` times for real, with the same seed.
Prints outcome, time to detect and harm in both, and what the comparison comes to:

- the same outcomes;
- the same rank order by harm (Kendall's tau-b; ranks differ only where the real runs differ among themselves);
- times to detect equal within the period in which the pipeline looks, plus the jitter, which is measured: the largest
  difference between two real runs of one scenario, and no less than the lag of the slowest request.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.journal import read_journal
from harness.scoring import score
from reference_pipeline.profiles import PROFILES

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(__file__).with_suffix("")
#: A container takes longer to start than a process: there it is one scenario of data and one of infrastructure.
SCENARIOS = {"local": ("*",), "compose": ("freshness-flights-late", "store-down")}


@dataclass(frozen=True, slots=True)
class Seen:
    """What one run says about one scenario: durations in seconds of the replay, harm in minutes of a total outage."""

    outcome: str
    detected_s: float | None
    harm_min: float


#: What was seen, by profile and scenario.
Runs = dict[tuple[str, str], Seen]


def run(backend: str, results: Path, options: Sequence[str]) -> list[dict[str, Any]]:
    """The journal of a run, or of the one that is kept there."""
    journal = results / "latest" / "journal.jsonl"
    if journal.exists():
        return list(read_journal(journal))
    command = [sys.executable, "-m", "harness.cli", "run", str(FOLDER), "--backend", backend, "--results", str(results)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command, *options], env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{backend}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    return list(read_journal(journal))


def seen(journal: Sequence[dict[str, Any]]) -> Runs:
    """By profile and scenario."""
    found = {}
    for experiment in score(journal).experiments:
        (fault,) = experiment.faults
        detection = fault.detection
        found[experiment.profile, experiment.scenario] = Seen(
            fault.outcome.value, None if detection is None else detection.time_to_detect_s, fault.harm * 60
        )
    return found


def slowest_request_s(journal: Sequence[dict[str, Any]], time_scale: float) -> float:
    """How late the latest request was sent, in seconds of the replay."""
    lags = [record["lag_ms_max"] or 0.0 for record in journal if record["kind"] == "arm.pace"]
    return max(lags, default=0.0) / 1000 * time_scale


def kendall(pairs: Sequence[tuple[float, float]]) -> float:
    """Kendall's tau-b of two rankings."""
    concordant = discordant = ties_one = ties_other = 0
    for (a, b), (c, d) in itertools.combinations(pairs, 2):
        one, other = (a > c) - (a < c), (b > d) - (b < d)
        concordant += one * other > 0
        discordant += one * other < 0
        ties_one += one == 0 and other != 0
        ties_other += other == 0 and one != 0
    whole = ((concordant + discordant + ties_one) * (concordant + discordant + ties_other)) ** 0.5
    return (concordant - discordant) / whole if whole else 1.0


def differences(runs: Sequence[Runs], name: tuple[str, str]) -> list[float]:
    """Between any two runs' times to detect one scenario."""
    times = [one[name].detected_s for one in runs]
    return [abs(a - b) for a, b in itertools.combinations(times, 2) if a is not None and b is not None]


def minutes(seconds: float | None) -> str:
    return "none" if seconds is None else f"{seconds / 60:.1f} min"


def table(backend: str, simulated: Runs, real: Sequence[Runs]) -> None:
    """One line a scenario; of the real runs, each one's value."""
    columns = ("outcome, sim", 14), (backend, 18), ("detected, sim", 15), (backend, 22), ("harm, sim", 12), (backend, 0)
    print(f"{'profile, scenario':42}" + "".join(f"{title:{width}}" for title, width in columns))
    for name, one in simulated.items():
        others = [run[name] for run in real]
        print(
            f"{' '.join(name):42}{one.outcome:14}{' '.join(sorted({o.outcome for o in others})):18}"
            f"{minutes(one.detected_s):15}{', '.join(minutes(o.detected_s) for o in others):22}"
            f"{one.harm_min:5.1f} min   {', '.join(f'{o.harm_min:.1f}' for o in others)} min"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", choices=tuple(SCENARIOS), default="local")
    parser.add_argument("--profile", action="append", choices=tuple(PROFILES), help="default: basic and mature")
    parser.add_argument("--time-scale", type=float, default=120.0)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep the runs in this folder, and take those that are there")
    told = parser.parse_args()
    profiles = told.profile or ["basic", "mature"]
    with tempfile.TemporaryDirectory() as scratch:
        results = told.keep or Path(scratch)
        options = [*(word for name in profiles for word in ("--profile", name)), "--seed", str(told.seed)]
        options += [word for name in SCENARIOS[told.backend] for word in ("--only", name)]
        live = [*options, "--time-scale", str(told.time_scale), "--jobs", str(told.jobs)]
        simulated = seen(run("sim", results / "sim", options))
        numbers = range(1, told.repeats + 1)
        journals = [run(told.backend, results / f"{told.backend}-{number}", live) for number in numbers]
    real = [seen(journal) for journal in journals]
    print(f"seed {told.seed}; {told.backend}: {told.repeats} runs, time scale {told.time_scale:g}\n")
    table(told.backend, simulated, real)
    conclude(told, simulated, real, max(slowest_request_s(journal, told.time_scale) for journal in journals))


def conclude(told: Any, simulated: Runs, real: Sequence[Runs], lag_s: float) -> None:
    """Prints what the comparison comes to."""
    same = [name for name, one in simulated.items() if all(run[name].outcome == one.outcome for run in real)]
    taus = [kendall([(simulated[name].harm_min, run[name].harm_min) for name in simulated]) for run in real]
    among = [kendall([(a[n].harm_min, b[n].harm_min) for n in simulated]) for a, b in itertools.combinations(real, 2)]
    jitter_s = max([lag_s, *(difference for name in simulated for difference in differences(real, name))])
    period_s = max(PROFILES[profile].review_s for profile, _ in simulated)
    apart = {name: max(d for run in real for d in [0.0, *differences([simulated, run], name)]) for name in simulated}
    within = [name for name in apart if apart[name] <= period_s + jitter_s]
    print(
        f"\noutcomes        the same in {len(same)} of {len(simulated)}"
        f"\nrank by harm    tau-b {', '.join(f'{tau:.2f}' for tau in taus)} to the simulator"
        + (f"; {', '.join(f'{tau:.2f}' for tau in among)} between {told.backend} runs" if among else "")
        + f"\ntime to detect  at most {minutes(max(apart.values()))} apart; allowed {minutes(period_s)} (the longest"
        f" period of the checks) + {minutes(jitter_s)} (measured jitter): {len(within)} of {len(simulated)} within"
        f"\nlatest request  sent {lag_s / told.time_scale * 1000:.0f} ms late ({lag_s:.0f} s of the replay)"
    )
    if told.keep:
        told_apart = {" ".join(name): seconds for name, seconds in apart.items()}
        content = {"apart_s": told_apart, "jitter_s": jitter_s, "lag_s": lag_s}
        (told.keep / "calibration.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
