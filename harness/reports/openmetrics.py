"""The scorecard as OpenMetrics text, for a push to Prometheus.

All of it are gauges without time stamps, so that the older text format of Prometheus, which Pushgateway takes, reads
the same. A value that was not measured is left out: no data is not zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.reports.narrative import harm_of, harmless, telling
from harness.reports.unrun import Unrun
from harness.scoring.findings import ExperimentFinding, MetricFinding
from harness.scoring.metrics import all_metrics
from harness.scoring.policy import HOUR_S
from harness.scoring.scorecard import Scorecard
from harness.verdict import Outcome, Verdict

__all__ = ["CONTENT_TYPE", "render"]

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

Labels = Mapping[str, str]
Sample = tuple[Labels, float]

_UNITS = {"s": ("seconds", 1.0), "h": ("seconds", HOUR_S), "share": ("ratio", 1.0)}


def render(scorecard: Scorecard, unrun: Sequence[Unrun] = ()) -> str:
    """The exposition, with ``# EOF`` at its end."""
    parts = [
        *_of_profiles(scorecard),
        _unrun(scorecard, unrun),
        *_of_experiments(scorecard),
    ]
    return "\n".join([*(line for part in parts for line in part), "# EOF"]) + "\n"


def _of_profiles(scorecard: Scorecard) -> Iterator[list[str]]:
    profiles = [profile for profile in scorecard.profiles if profile.experiments]
    tiers = [({"profile": p.profile}, float(p.tier.level)) for p in profiles if p.tier.level is not None]
    yield _family("tier", "Performance tier, 0 to 5.", tiers)
    yield _family(
        "experiments",
        "Experiments of the run by outcome.",
        [
            ({"profile": p.profile, "outcome": outcome.value}, float(p.outcomes.get(outcome.value, 0)))
            for p in profiles
            for outcome in Outcome
        ],
    )
    for metric in all_metrics():
        unit, scale = _UNITS.get(metric.unit, ("", 1.0))
        samples = [
            (labels, value * scale) for p in profiles for labels, value in _bounds(p.profile, p.metric(metric.name))
        ]
        name = metric.name if not unit or metric.name.endswith(f"_{unit}") else f"{metric.name}_{unit}"
        yield _family(name, f"{metric.title}; bound is value, or an end of its 95 % interval.", samples, unit)


def _unrun(scorecard: Scorecard, unrun: Sequence[Unrun]) -> list[str]:
    """A sample a profile, also where all of it started, so that an alert on it ends."""
    missing = {profile.profile: 0 for profile in scorecard.profiles if profile.experiments}
    for one in unrun:
        missing[one.profile] = missing.get(one.profile, 0) + one.missing
    samples = [({"profile": name} if name else {}, float(count)) for name, count in missing.items()]
    return _family("experiments_unrun", "Planned experiments of the run that never started.", samples)


def _bounds(profile: str, metric: MetricFinding) -> Iterator[Sample]:
    for bound, value in (("value", metric.value), ("low", metric.low), ("high", metric.high)):
        if value is not None and metric.value is not None:
            yield {"profile": profile, "bound": bound}, value


def _of_experiments(scorecard: Scorecard) -> Iterator[list[str]]:
    """A sample a scenario and profile; of repeats, of the one that tells most."""
    groups: dict[tuple[str, str], list[ExperimentFinding]] = {}
    for experiment in scorecard.experiments:
        groups.setdefault((experiment.scenario, experiment.profile), []).append(experiment)
    shown = [({"scenario": s, "profile": p}, telling(group)) for (s, p), group in groups.items()]
    passed = [
        (labels, float(e.verdict is Verdict.PASSED)) for labels, e in shown if e.verdict is not Verdict.INCONCLUSIVE
    ]
    yield _family("scenario_passed", "1 if every expectation came true, 0 if not; absent if nobody knows.", passed)
    silent = [(labels, float(e.outcome is Outcome.SILENT)) for labels, e in shown if e.outcome is not Outcome.UNKNOWN]
    yield _family("scenario_silent", "1 if users were harmed and nobody was told.", silent)
    harm = [(labels, value * HOUR_S) for labels, e in shown if (value := harm_of(e)) is not None]
    yield _family(
        "scenario_harm_seconds", "Harm, as the time of a total outage that would hurt as much.", harm, "seconds"
    )
    yield _family(
        "scenario_time_to_detect_seconds", "Until every fault had its first alert.", _detected(shown), "seconds"
    )


def _detected(shown: Iterable[tuple[Labels, ExperimentFinding]]) -> list[Sample]:
    found = []
    for labels, experiment in shown:
        times = [f.detection.time_to_detect_s if f.detection else None for f in experiment.faults]
        known = [time for time in times if time is not None]
        if known and len(known) == len(times):
            found.append((labels, max(known)))
    return found


def _family(name: str, text: str, samples: Sequence[Sample], unit: str = "") -> list[str]:
    """One family of gauges; nothing for one without samples."""
    if not samples:
        return []
    whole = f"pipequake_{name}"
    lines = [f"# TYPE {whole} gauge", *([f"# UNIT {whole} {unit}"] if unit else []), f"# HELP {whole} {_escaped(text)}"]
    return [*lines, *(f"{whole}{_labelled(labels)} {float(value)!r}" for labels, value in samples)]


def _labelled(labels: Labels) -> str:
    text = ",".join(f'{name}="{_escaped(harmless(value))}"' for name, value in labels.items())
    return f"{{{text}}}" if text else ""


def _escaped(text: str) -> str:
    r"""
    >>> _escaped('a"b\\c')
    'a\\"b\\\\c'
    """
    return re.sub(r'(["\\])', r"\\\1", text).replace("\n", "\\n")
