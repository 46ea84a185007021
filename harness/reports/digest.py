"""What a stranger must see first, as plain text: what was tested, what is bad, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.reports.narrative import harm_of, plain, setting, telling, unmet
from harness.scoring.findings import ExperimentFinding
from harness.scoring.scorecard import Scorecard
from harness.verdict import Outcome, Verdict

__all__ = [
    "Bad",
    "Step",
    "bad_ones",
    "by_severity",
    "next_steps",
    "severity",
    "tested",
    "title",
    "worst_scenarios_first",
]


@dataclass(frozen=True, slots=True)
class Bad:
    """One kind of bad news: what it is, and the experiments that it is about, worst first."""

    kind: str
    what: str
    experiments: tuple[ExperimentFinding, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do, and the experiments that call for it, worst first."""

    text: str
    experiments: tuple[ExperimentFinding, ...]


def tested(scorecard: Scorecard) -> str:
    """What was run, and how much of it."""
    experiments = scorecard.experiments
    if not experiments:
        return "Nothing: no experiment was run."
    scenarios = len({experiment.scenario for experiment in experiments})
    profiles = [plain(profile.profile) for profile in scorecard.profiles if profile.experiments]
    requests = sum(e.counts.requests for e in experiments if e.counts is not None)
    text = f"{_counted(scenarios, 'scenario')} against {_listed(profiles)}: {_counted(len(experiments), 'experiment')}"
    text += f" with {requests:,} requests".replace(",", "\u202f") if requests else ""
    return f"{text}, each beside its own control run without a fault ({setting(scorecard)})."


def title(scorecard: Scorecard) -> str:
    """The run's verdict in a sentence, the worst thing first."""
    found = bad_ones(scorecard)
    if not scorecard.experiments:
        return "No experiment was run."
    if not found and scorecard.verdict is not Verdict.PASSED:
        return "What was run ended as expected."
    if not found:
        return "Every expectation came true."
    return f"{found[0].what}."


def bad_ones(scorecard: Scorecard) -> list[Bad]:
    """What is bad, worst first: silence, other claims that failed, and what nobody knows.

    An experiment is named once, under the worst that can be said of it. Silence that was expected is still silence.
    """
    silent = [e for e in scorecard.experiments if e.outcome is Outcome.SILENT]
    failed = [e for e in scorecard.experiments if e.verdict is Verdict.FAILED and e not in silent]
    unknown = [e for e in scorecard.experiments if e.verdict is Verdict.INCONCLUSIVE and e not in silent]
    whole = _counted(len(scorecard.experiments), "experiment")
    more = " more" if any(e.verdict is Verdict.FAILED for e in silent) else ""
    found = [
        Bad("silent", f"{len(silent)} of {whole} harmed users and nobody was told", by_severity(silent)),
        Bad("failed", f"{len(failed)}{more} of {whole} did not end as expected", by_severity(failed)),
        Bad("inconclusive", f"{len(unknown)} of {whole} showed nothing", by_severity(unknown)),
    ]
    return [bad for bad in found if bad.experiments]


def next_steps(scorecard: Scorecard) -> list[Step]:
    """What to do, the step that would help most first: one for each remedy that an unmet claim calls for."""
    wanted: dict[str, list[ExperimentFinding]] = {}
    for experiment in by_severity(scorecard.experiments):
        for claim in unmet(experiment):
            concerned = wanted.setdefault(plain(claim.fix), [])
            if claim.fix and experiment not in concerned:
                concerned.append(experiment)
    return [Step(text, tuple(experiments)) for text, experiments in wanted.items() if experiments]


def severity(experiment: ExperimentFinding) -> tuple[int, int, float]:
    """Greater is worse: the verdict, then silence, then harm."""
    return experiment.verdict.severity, int(experiment.outcome is Outcome.SILENT), harm_of(experiment) or 0.0


def by_severity(experiments: Iterable[ExperimentFinding]) -> tuple[ExperimentFinding, ...]:
    """Worst first; alike ones in the order given."""
    return tuple(sorted(experiments, key=severity, reverse=True))


def worst_scenarios_first(scorecard: Scorecard) -> list[str]:
    """The names of the scenarios, the one that went worst first."""
    groups: dict[str, list[ExperimentFinding]] = {}
    for experiment in scorecard.experiments:
        groups.setdefault(experiment.scenario, []).append(experiment)
    return sorted(groups, key=lambda name: (*(-x for x in severity(telling(groups[name]))), name))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _listed(names: Sequence[str]) -> str:
    """
    >>> _listed(["one", "two", "three"])
    'one, two and three'
    """
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
