"""From a journal to a scorecard: a pure function of the lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.scoring.cost import Rates, cost_of
from harness.scoring.detection import NOTIFYING, alerts_of
from harness.scoring.evidence import Arm, read_arms
from harness.scoring.experiment import judge_experiment, why_arm_unusable, worst_outcome
from harness.scoring.findings import ControlFinding, ExperimentFinding, ProfileFinding, ScenarioFinding
from harness.scoring.maturity import maturity_of
from harness.scoring.metrics import Pool, all_metrics, evaluate
from harness.scoring.policy import DAY_S, Policy
from harness.scoring.scorecard import Scorecard
from harness.scoring.tiers import tier_of
from harness.verdict import Outcome, Verdict, worst

#: What is said of the repeats of a scenario.
_OF_SCENARIOS = ("mttd", "mttr", "harm", "prediction_availability")


def score(records: Iterable[Mapping[str, Any]], policy: Policy | None = None, rates: Rates | None = None) -> Scorecard:
    """Judges every treatment arm of a journal and adds them up by scenario and by profile.

    Depends on nothing but the lines: not on the order of arms, the time of day or the machine. A profile is
    a label; nothing here knows one. Without ``rates`` nothing is said about costs. Raises `MalformedJournal` for lines
    that break the journal's contract.

    >>> score([]).verdict.value
    'inconclusive'
    """
    policy = policy or Policy()
    arms = read_arms(records)
    experiments = sorted(
        (judge_experiment(arm, arms, policy) for arm in arms.values() if arm.role == "treatment"),
        key=lambda finding: (finding.scenario, finding.profile, finding.seed, finding.begins_s, finding.arm),
    )
    controls = [judge_control(arm) for arm in arms.values() if arm.role == "control"]
    profiles = sorted({arm.profile for arm in arms.values()})
    return Scorecard(
        verdict=worst(experiment.verdict for experiment in experiments),
        policy=policy,
        rates=rates,
        profiles=tuple(_profile(name, experiments, controls, policy, rates) for name in profiles),
        scenarios=tuple(_scenarios(experiments, policy)),
        experiments=tuple(experiments),
    ).rounded()


def judge_control(arm: Arm) -> ControlFinding:
    """What the monitors of a fault-free run said after its warm-up, or still said then."""
    late = [
        alert
        for alert in alerts_of(arm.alerts)
        if alert.severity in NOTIFYING and (alert.t_resolved is None or alert.t_resolved > arm.warmup_s)
    ]
    unusable = why_arm_unusable(arm, "the control run")
    return ControlFinding(
        arm=arm.id,
        profile=arm.profile,
        seed=arm.seed,
        start=arm.start,
        warmup_s=arm.warmup_s,
        unusable=unusable,
        days=max(0.0, arm.observed_end_s - arm.warmup_s) / DAY_S,
        false_alarms=len(late),
        pages=sum(alert.severity == "critical" for alert in late),
        alarms=tuple(late),
    )


def _scenarios(experiments: Sequence[ExperimentFinding], policy: Policy) -> Iterable[ScenarioFinding]:
    groups: dict[tuple[str, str], list[ExperimentFinding]] = {}
    for experiment in experiments:
        groups.setdefault((experiment.scenario, experiment.profile), []).append(experiment)
    metrics = [metric for metric in all_metrics() if metric.name in _OF_SCENARIOS]
    for (scenario, profile), mine in groups.items():
        pool = Pool(tuple(mine), (), policy)
        yield ScenarioFinding(
            scenario=scenario,
            profile=profile,
            repeats=len(mine),
            outcome=worst_outcome(e.outcome for e in mine),
            verdict=worst(e.verdict for e in mine),
            outcomes={outcome.value: sum(e.outcome is outcome for e in mine) for outcome in Outcome},
            verdicts={verdict.value: sum(e.verdict is verdict for e in mine) for verdict in Verdict},
            metrics=tuple(evaluate(metric, pool) for metric in metrics),
        )


def _profile(
    name: str,
    experiments: Sequence[ExperimentFinding],
    controls: Sequence[ControlFinding],
    policy: Policy,
    rates: Rates | None,
) -> ProfileFinding:
    mine = tuple(experiment for experiment in experiments if experiment.profile == name)
    quiet = tuple(control for control in controls if control.profile == name)
    metrics = tuple(evaluate(metric, Pool(mine, quiet, policy)) for metric in all_metrics())
    cost = None if rates is None else cost_of(name, mine, metrics, rates)
    return ProfileFinding(
        profile=name,
        backends=tuple(sorted({experiment.backend for experiment in mine})),
        seeds=tuple(sorted({experiment.seed for experiment in mine})),
        experiments=len(mine),
        outcomes={outcome.value: sum(e.outcome is outcome for e in mine) for outcome in Outcome},
        verdicts={verdict.value: sum(e.verdict is verdict for e in mine) for verdict in Verdict},
        tier=tier_of(metrics),
        metrics=metrics,
        maturity=maturity_of(mine, metrics, cost),
        cost=cost,
        controls=quiet,
    )
