"""A/A: judges fault-free days against each other, on many seeds and days, and counts where harm is found in nothing.

    python benchmarks/fault_free.py [--profile mature] [--seeds 6] [--day 2013-06-10T18:00] [--jobs 2]

Every run of a day is the treatment of every other one of that day. Exit code 1 if harm or detections are found more
often than the judge says that chance may. Costs about three seconds of CPU time a seed and day.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from judge import aa
from judge_cases import controls_as_treatments
from simulated_arms import journal_of

from harness.scoring import Scorecard, score
from harness.targets import load_target
from harness.targets.base import Arm

HOUR_S = 3600.0
DAYS = ("2013-03-12T18:00", "2013-06-10T18:00", "2013-08-20T06:00", "2013-11-05T12:00")


def fault_free(profile: str, seeds: int, days: Sequence[str], jobs: int) -> list[dict[str, Any]]:
    """The journal of days on which nothing happens: three hours of warm-up and fifteen more."""
    load_target().prepare(lambda _: None)
    arms = [
        Arm(
            arm_id=f"control/{profile}/seed-{seed}/{day}",
            profile=profile,
            backend="sim",
            seed=seed,
            start=datetime.fromisoformat(day).replace(tzinfo=UTC),
            warmup_s=3 * HOUR_S,
            end_s=18 * HOUR_S,
        )
        for day in days
        for seed in range(1, seeds + 1)
    ]
    return journal_of(arms, jobs)


def harmed(card: Scorecard) -> Counter[str]:
    """In which signals harm was found, and how often."""
    signals = [signal for experiment in card.experiments for signal in experiment.signals]
    return Counter(signal.title.lower() for signal in signals if signal.decides and signal.t_on is not None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", default="mature")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--day", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if options.seeds < 3:  # a run is held against a second one, and the band comes from a third
        parser.error("--seeds: fewer than 3 tell nothing")
    days = options.day or DAYS
    records = fault_free(options.profile, options.seeds, days, options.jobs)
    card = score(controls_as_treatments(records, acts_s=1 * HOUR_S, lasts_s=4 * HOUR_S))
    print(f"{options.profile}, {options.seeds} seeds on {len(days)} days, each against each other of its day")
    rows = list(aa(card))
    for what, _, shown, holds in rows:
        print(f"{'as it must be' if holds else 'NOT AS IT MUST BE':<17}  {what}\n    {shown}")
    for title, count in harmed(card).items():
        print(f"    harm in {title}: {count}")
    sys.exit(0 if all(holds for *_, holds in rows) else 1)


if __name__ == "__main__":
    main()
