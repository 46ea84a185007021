"""Judges the judge: switches the pipeline's defences off one by one, and lets monitors and probes cheat.

    python benchmarks/judge.py [--repeats 6] [--seed N] [--jobs 2] [--only DEFENCE]

Each defence that is switched off must lower the scores that it is there for, and none that it has nothing to do with,
by more than noise (the simultaneous 95 % intervals of `pipequake compare`); in another scenario, which it is not for,
it must lower nothing. A defence behind another one is tried where that one is off already. Exit code 1 if anything is
not as it must be.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from judge_cases import CASES, Case, alerting_always, alerting_never, controls_as_treatments, probes_crashed
from simulated_arms import journal_of

from harness.experiment import plan_arms
from harness.library import load_scenarios
from harness.scenario import Scenario, parse_scenario
from harness.scoring import Scorecard, score
from harness.scoring.comparison import Change, Comparison, MetricChange, Side, compare
from harness.scoring.findings import ProfileFinding
from harness.scoring.intervals import poisson_upper
from harness.scoring.wording import duration_text, number_text, share_text
from harness.targets import load_target
from harness.verdict import Outcome, Verdict

RATE_0 = """\
name: rate-0
faults: [{fault: data.null_spike, point: "feed:weather", with: {column: temp, rate: 0.0}, at: 1h, for: 4h}]
expect: [{detect_within: 1h}]
"""
#: The profile whose monitors and probes cheat.
CHEATED = "mature"
Row = tuple[str, str, str, bool]


def records_of(cases: Sequence[Case], repeats: int, jobs: int, seed: int | None = None) -> list[dict[str, Any]]:
    """The journal of the cases' profiles and their mutants, each on the scenarios of its cases."""
    target = load_target()
    target.prepare(lambda _: None)
    library = {s.name: s for s in load_scenarios([ROOT / "scenarios"], backend="sim")}
    wanted: dict[str, dict[str, Scenario]] = {CHEATED: {"rate-0": parse_scenario(RATE_0)}}
    for case in cases:
        for profile in (case.profile, case.mutant):
            wanted.setdefault(profile, {}).update({name: library[name] for name in (case.scenario, case.apart)})
    arms = [
        arm
        for profile, scenarios in wanted.items()
        for arm in plan_arms(
            list(scenarios.values()),
            [profile],
            backend="sim",
            default_start=target.default_start(),
            seed=seed,
            repeats=repeats,
        )
    ]
    return journal_of(arms, jobs)


def mutants(card: Scorecard, cases: Sequence[Case]) -> Iterator[Row]:
    """A row for each defence: what fell, by how much, and whether it is what had to."""
    sides = {found.profile: Side.of(card, found, found.profile) for found in card.profiles}
    for case in cases:
        found, apart = (
            compare(_only(sides[case.profile], name), _only(sides[case.mutant], name), card.policy)
            for name in (case.scenario, case.apart)
        )
        fell = _worse(found)
        missing, beyond, elsewhere = {*case.falls} - fell, fell - {*case.falls, *case.may}, _worse(apart)
        kinds = (("must fall", missing), ("must not", beyond), (f"must not in {case.apart}", elsewhere))
        why = [f"{what}: {', '.join(sorted(names))}" for what, names in kinds if names]
        shown = "; ".join([_fell(found, case), *why])
        yield f"{case.profile} without {case.defence}", case.scenario, shown, not why


def _only(side: Side, scenario: str) -> Side:
    return replace(side, experiments=tuple(e for e in side.experiments if e.scenario == scenario))


def _worse(comparison: Comparison) -> set[str]:
    return {change.name for change in comparison.metrics if change.change is Change.WORSE}


def _fell(comparison: Comparison, case: Case) -> str:
    shown = [change for change in comparison.metrics if change.change is Change.WORSE or change.name in case.falls]
    return "; ".join(f"{c.title.lower()} {_value(c, c.first)} -> {_value(c, c.second)}" for c in shown)


def _value(change: MetricChange, value: float | None) -> str:
    if value is None:
        return "unknown"
    if change.unit in ("s", "h"):
        return duration_text(value * (3600 if change.unit == "h" else 1))
    return share_text(value) if change.unit == "share" else number_text(value)


def cheats(records: Sequence[dict[str, Any]]) -> Iterator[Row]:
    """Rows for monitors and probes that are not what they should be, on the runs of a profile as it is."""
    arms = {r["arm"] for r in records if r["kind"] == "arm.start" and r["profile"] == CHEATED}
    mine = [record for record in records if record["arm"] in arms]
    honest = score(mine)
    yield _always(honest.profiles[0], score(alerting_always(mine)).profiles[0])
    yield _never(honest.profiles[0], score(alerting_never(mine)).profiles[0])
    inert = {e.outcome for e in honest.experiments if e.scenario == "rate-0"}
    shown = f"outcome {', '.join(sorted(outcome.value for outcome in inert))}"
    yield "a fault of rate 0", "rate-0", shown, inert == {Outcome.INERT}
    lost = score(probes_crashed(mine, after_s=8 * 3600.0))
    verdicts = {e.verdict for e in lost.experiments}
    unknown = lost.profiles[0].metric("mttd").value is None
    shown = f"verdict {', '.join(sorted(verdict.value for verdict in verdicts))}"
    yield "the users' side of the journal is lost", "all", shown, verdicts == {Verdict.INCONCLUSIVE} and unknown
    yield from aa(score(controls_as_treatments(mine, acts_s=3600.0, lasts_s=4 * 3600.0)))


def _always(honest: ProfileFinding, always: ProfileFinding) -> Row:
    names = ("false_alarm_rate", "on_call_pages", "silent_failure_detection_rate")
    before, after = ([profile.metric(name).value or 0.0 for name in names] for profile in (honest, always))
    shown = (
        f"false alarms a day {number_text(before[0])} -> {number_text(after[0])}; "
        f"pages a week {number_text(before[1])} -> {number_text(after[1])}; "
        f"silent failures detected {share_text(before[2])} -> {share_text(after[2])}"
    )
    return "a monitor that always alerts", "all", shown, after[0] > before[0] + 10 and after[1] > 50 and after[2] == 0


def _never(honest: ProfileFinding, never: ProfileFinding) -> Row:
    rates = [profile.metric("silent_failure_detection_rate").value for profile in (honest, never)]
    times = [profile.metric("mttd").value for profile in (honest, never)]
    shown = f"silent failures detected {share_text(rates[0])} -> {share_text(rates[1])}; "
    shown += f"MTTD {duration_text(times[0])} -> {duration_text(times[1])}"
    unharmed = rates[0] is None  # where nothing did harm, silence is no fault, and nothing is detected late
    holds = (rates[1] is None and times[1] is None) if unharmed else (rates[1] == 0 and times[1] == 86_400)
    return "a monitor that never alerts", "all", shown, holds


def aa(card: Scorecard) -> Iterator[Row]:
    """Detections of nothing, against what the false-alarm rate (its upper bound) makes one expect, by three errors; and
    harm where there is none, against what the judge's band leaves to chance.

    What the replay's data raises in every seed has its counterpart in the control: only what a seed has of its own can
    be a detection, and of that each run is a sample, also where several replay the same hours.
    """
    found = [e.faults[0] for e in card.experiments if e.faults]
    hits = sum(bool(fault.detection and fault.detection.first) for fault in found)
    controls = [control for control in card.profiles[0].controls if not control.unusable]
    rate = poisson_upper(sum(c.false_alarms for c in controls), sum(c.days for c in controls))
    window_d = (4 * 3600.0 + card.policy.attribution_s) / 86_400
    most = 1 - math.exp(-rate * window_d)
    shown = f"{hits} of {len(found)} detected, chance allows {number_text(len(found) * most)}"
    yield "a control against a control: alerts", "none", shown, hits <= allowed(len(found), most)
    harmful = sum(fault.outcome is not Outcome.ABSORBED for fault in found)
    most = 1 - card.policy.band_coverage
    shown = f"{harmful} of {len(found)} judged harmful, chance allows {number_text(len(found) * most)}"
    yield "a control against a control: harm", "none", shown, harmful <= allowed(len(found), most)


def allowed(trials: int, chance: float) -> float:
    """How often something of that chance may happen in so many trials, within three standard errors."""
    return trials * chance + 3 * math.sqrt(trials * chance * (1 - chance))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=6)
    parser.add_argument("--seed", type=int, help="the scenarios' own without it")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", action="append", default=[], metavar="DEFENCE")
    options = parser.parse_args()
    cases = [case for case in CASES if not options.only or case.defence in options.only]
    records = records_of(cases, options.repeats, options.jobs, options.seed)
    rows = [*mutants(score(records), cases), *cheats(records)]
    print(f"{options.repeats} repeats a scenario\n")
    for what, scenario, shown, holds in rows:
        print(f"{'as it must be' if holds else 'NOT AS IT MUST BE':<17}  {what} ({scenario})\n    {shown}")
    sys.exit(0 if all(row[3] for row in rows) else 1)


if __name__ == "__main__":
    main()
