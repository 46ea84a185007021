"""Ranks the reference pipeline's profiles on several seeds and days, and says whether they come out in order.

    python benchmarks/ranking.py [PATH ...] [--seeds 1 2 3] [--days 0 112] [--jobs 2] [--brief]
    python benchmarks/ranking.py --of RUN

Of each seed and each shift of all starts by so many days: tier, times to detection and to recovery, silent failures
that were detected, automated recovery, and harm a fault, of each profile. *In order* is a measure if no profile is
better than one of better quality, and *apart* are neighbours whose intervals do not overlap. Of a run that is there
already, the intervals are shown too. ``--brief`` gives each seed and day one line with the values of all profiles. Exit
code 1 if the tiers of a run are not in order.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from simulated_arms import journal_of

from harness.experiment import plan_arms
from harness.library import load_scenarios
from harness.reports.narrative import interval_text, value_text
from harness.scenario import Scenario
from harness.scoring import Scorecard, score
from harness.scoring.findings import MetricFinding, ProfileFinding
from harness.targets import load_target

#: From the least quality to the most.
PROFILES = ("ad_hoc", "basic", "mature", "world_class")
#: What is ranked: a metric's name, a heading, and whether more is better.
MEASURES = (
    ("mttd", "detection", False),
    ("mttr", "recovery", False),
    ("silent_failure_detection_rate", "silent detected", True),
    ("automated_recovery_rate", "automated recovery", True),
    ("harm", "harm a fault", False),
)


def ranked(scenarios: Sequence[Scenario], start: datetime, seed: int, days: int, jobs: int) -> list[ProfileFinding]:
    """What was found of each profile, in the order of `PROFILES`."""
    shift = timedelta(days=days)
    moved = [s if s.start is None else s.model_copy(update={"start": s.start + shift}) for s in scenarios]
    arms = plan_arms(moved, PROFILES, backend="sim", default_start=start + shift, seed=seed)
    found = {profile.profile: profile for profile in score(journal_of(arms, jobs)).profiles}
    return [found[profile] for profile in PROFILES]


def in_order(values: Sequence[float | None], more_is_better: bool) -> bool:
    """Whether no value is better than the one after it; what was not measured is in nobody's way."""
    known = [value for value in values if value is not None]
    return all((a <= b) if more_is_better else (a >= b) for a, b in pairwise(known))


def apart(metrics: Sequence[MetricFinding], more_is_better: bool) -> list[bool]:
    """For each two neighbours, whether their intervals do not overlap."""
    found = []
    for worse, better in pairwise(metrics):
        upper, lower = (better, worse) if more_is_better else (worse, better)
        known = upper.low is not None and lower.high is not None
        found.append(known and float(upper.low or 0.0) > float(lower.high or 0.0))
    return found


def rows(found: Sequence[ProfileFinding], *, intervals: bool = False) -> list[str]:
    """Markdown, without the first column."""
    lines = []
    for profile in found:
        level = profile.tier.level
        cells = [f"`{profile.profile}`", "below 1" if level == 0 else str(level)]
        for name, _, _ in MEASURES:
            metric = profile.metric(name)
            interval = interval_text(metric) if intervals else ""
            cells.append(f"{value_text(metric, metric.value)} {interval}".rstrip())
        lines.append(" | ".join(cells))
    cells = ["", "in order" if tiers_in_order(found) else "NOT IN ORDER"]
    for metrics, more in _measured(found):
        word = "in order" if in_order([m.value for m in metrics], more) else "not in order"
        cells.append(f"{word}, {sum(apart(metrics, more))} of {len(found) - 1} apart")
    return [*lines, " | ".join(cells)]


def brief(found: Sequence[ProfileFinding]) -> str:
    """All of it in one line of Markdown, without the first column; what is not in order says so."""
    tiers = ", ".join(str(profile.tier.level) for profile in found)
    cells = [tiers if tiers_in_order(found) else f"{tiers} (NOT IN ORDER)"]
    for metrics, more in _measured(found):
        values = ", ".join(value_text(metric, metric.value) for metric in metrics)
        cells.append(values if in_order([m.value for m in metrics], more) else f"{values} (not in order)")
    return " | ".join(cells)


def _measured(found: Sequence[ProfileFinding]) -> Iterator[tuple[list[MetricFinding], bool]]:
    """Each of `MEASURES` of all profiles, and whether more of it is better."""
    for name, _, more in MEASURES:
        yield [profile.metric(name) for profile in found], more


def tiers_in_order(found: Sequence[ProfileFinding]) -> bool:
    """Whether no profile is at a higher tier than a better one."""
    return in_order([profile.tier.level for profile in found], True)


def head(*first: str) -> None:
    """Prints the head of a table."""
    headings = [*first, "tier", *(heading for _, heading, _ in MEASURES)]
    print(f"| {' | '.join(headings)} |\n{'|---' * len(headings)}|", flush=True)


def told(run: Path) -> bool:
    """Prints the table of a run; whether its tiers are in order."""
    try:
        card = Scorecard.from_json((run / "scorecard.json").read_text(encoding="utf-8"))
    except OSError as error:
        sys.exit(f"{run} is no run that has ended: {error}")
    found = sorted(card.profiles, key=lambda profile: PROFILES.index(profile.profile))
    head("scenarios", "profile")
    for place, row in enumerate(rows(found, intervals=True)):
        print(f"| {found[0].experiments if place == 0 else ''} | {row} |")
    return tiers_in_order(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", nargs="*", type=Path, default=[ROOT / "scenarios" / "core"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--days", nargs="+", type=int, default=[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--brief", action="store_true", help="one line a seed and day")
    parser.add_argument("--of", type=Path, metavar="RUN", help="a run's folder: its table, with intervals")
    options = parser.parse_args()
    if options.of is not None:
        sys.exit(not told(options.of))
    target = load_target()
    target.prepare(lambda _: None)
    scenarios = load_scenarios(options.paths, backend="sim")
    head("seed, day", *([] if options.brief else ["profile"]))
    ordered = True
    for days in options.days:
        for seed in options.seeds:
            start = target.default_start()
            found = ranked(scenarios, start, seed, days, options.jobs)
            ordered &= tiers_in_order(found)
            first = f"{seed}, {start + timedelta(days=days):%Y-%m-%d}"
            for place, row in enumerate([brief(found)] if options.brief else rows(found)):
                print(f"| {first if place == 0 else ''} | {row} |", flush=True)
    sys.exit(not ordered)


if __name__ == "__main__":
    main()
