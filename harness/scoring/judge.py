"""From a journal to a scorecard: a pure function of the lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.scoring.detection import NOTIFYING, alerts_of
from harness.scoring.evidence import Arm, read_arms
from harness.scoring.experiment import judge_experiment, why_arm_unusable
from harness.scoring.findings import ControlFinding, ExperimentFinding, ProfileFinding
from harness.scoring.metrics import Pool, all_metrics, evaluate
from harness.scoring.policy import DAY_S, Policy
from harness.scoring.scorecard import Scorecard
from harness.scoring.tiers import tier_of
from harness.verdict import Outcome, Verdict, worst


def score(records: Iterable[Mapping[str, Any]], policy: Policy | None = None) -> Scorecard:
    """Judges every treatment arm of a journal and adds them up by profile.

    Depends on nothing but the lines: not on the order of arms, the time of day or the machine. A profile is
    a label; nothing here knows one. Raises `MalformedJournal` for lines that break the journal's contract.

    >>> score([]).verdict.value
    'inconclusive'
    """
    policy = policy or Policy()
    arms = read_arms(records)
    experiments = sorted(
        (judge_experiment(arm, arms, policy) for arm in arms.values() if arm.role == "treatment"),
        key=lambda finding: (finding.scenario, finding.profile, finding.seed, finding.arm),
    )
    controls = [judge_control(arm) for arm in arms.values() if arm.role == "control"]
    profiles = sorted({arm.profile for arm in arms.values()})
    return Scorecard(
        verdict=worst(experiment.verdict for experiment in experiments),
        policy=policy,
        profiles=tuple(_profile(name, experiments, controls, policy) for name in profiles),
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
        unusable=unusable,
        days=max(0.0, arm.observed_end_s - arm.warmup_s) / DAY_S,
        false_alarms=len(late),
        pages=sum(alert.severity == "critical" for alert in late),
        alerts=dict(sorted(Counter(alert.name for alert in late).items())),
    )


def _profile(
    name: str, experiments: Sequence[ExperimentFinding], controls: Sequence[ControlFinding], policy: Policy
) -> ProfileFinding:
    mine = tuple(experiment for experiment in experiments if experiment.profile == name)
    quiet = tuple(control for control in controls if control.profile == name)
    metrics = tuple(evaluate(metric, Pool(mine, quiet, policy)) for metric in all_metrics())
    return ProfileFinding(
        profile=name,
        backends=tuple(sorted({experiment.backend for experiment in mine})),
        seeds=tuple(sorted({experiment.seed for experiment in mine})),
        experiments=len(mine),
        outcomes={outcome.value: sum(e.outcome is outcome for e in mine) for outcome in Outcome},
        verdicts={verdict.value: sum(e.verdict is verdict for e in mine) for verdict in Verdict},
        tier=tier_of(metrics),
        metrics=metrics,
        controls=quiet,
    )
