"""What was found out about one experiment: plain, frozen values that become JSON as they are.

Times named ``t_...`` are virtual seconds of the run; durations end in ``_s``; ``harm`` is in hours of a
total outage.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from harness.verdict import Outcome, Verdict


class Finding(BaseModel):
    """Base of everything in a scorecard."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Grade(StrEnum):
    """How well an alert named what was wrong, from worst to best."""

    NONE = "none"  #: no alert was raised for the fault
    WRONG_REASON = "wrong_reason"  #: only for a part of the pipeline that the fault cannot reach
    DETECTED = "detected"  #: for a symptom further down the flow of data
    LOCALISED = "localised"  #: for the component where the fault acted


class RecoveryKind(StrEnum):
    """How the harm ended."""

    NOT_NEEDED = "not_needed"  #: there was no harm
    MITIGATED = "mitigated"  #: while the fault was still there
    RECOVERED = "recovered"  #: after it was removed
    UNCONFIRMED = "unconfirmed"  #: users were back at the end, but too late to be sure, or alerts still fired
    NEVER = "never"  #: not before the end of the observation


class AlertSeen(Finding):
    """One time that an alert fired, from its beginning to its resolution."""

    name: str
    component: str
    severity: str
    labels: dict[str, str]
    summary: str
    t_fired: float
    t_resolved: float | None


class Detection(Finding):
    """Whether, when and by what the fault was noticed."""

    grade: Grade
    first: AlertSeen | None
    localised_by: AlertSeen | None
    alerts: tuple[AlertSeen, ...]
    time_to_detect_s: float | None
    from_onset_s: float | None
    watched_s: float
    """How long an alert would have been attributed: the censoring time when there was none."""
    harm_before: float
    """Harm until the first alert, or all of it when there was none."""


class Recovery(Finding):
    """Whether and when users were back where the control is."""

    kind: RecoveryKind
    t_back: float | None
    """When users were back in the control's band, whatever the alerts said; unconfirmed, when they seemed so."""
    t_rec: float | None
    """When the incident was over: users back, and the alerts resolved."""
    time_to_recover_s: float | None
    """Until users were back: from detection, or from the first effect if nothing was detected before they were."""
    from_effect_s: float | None
    """Until users were back, from the first effect."""
    from_removal_s: float | None
    """Until the incident was over, from the fault's removal."""
    t_watched: float
    """Until when the fault's effects were watched."""
    watched_s: float
    """From the clock's start until then: the censoring time when there was no recovery."""
    relapsed: bool
    why: str
    firing: tuple[str, ...] = ()
    """Alerts of the fault that had not resolved by the end of the observation."""


class SignalHarm(Finding):
    """The excess of one signal's loss over the control in the fault's window."""

    signal: str
    title: str
    decides: bool
    """Whether the signal decides about harm, or only sums up others."""
    t_on: float | None
    sustained: bool
    """Part of the harm shows only over many bins, in none of them."""
    depth: float
    duration_s: float
    area: float
    mean: float
    requests: float
    """The excess in requests' worth of loss."""
    eps: float


class FaultFinding(Finding):
    """One fault: what it touched, what it did to users, who noticed, what became of it."""

    id: str
    fault: str
    point: str
    params: dict[str, Any]
    outcome: Outcome
    reason: str
    t_act: float | None
    t_end: float | None
    t_on: float | None
    touched: float
    what: str
    remains: str
    harm: float
    """Its part of what users suffered, in hours of a total outage."""
    shared_with: tuple[str, ...] = ()
    """Faults that were there at the same time, and have an equal part of some of that harm."""
    signals: tuple[SignalHarm, ...]
    detection: Detection | None
    recovery: Recovery | None


class ExpectationFinding(Finding):
    """One claim of the scenario and what came of it. ``why`` and ``fix`` are empty for one that passed."""

    claim: str
    verdict: Verdict
    what: str
    why: str
    fix: str


class Series(Finding):
    """A signal's mean loss a bin in both arms; None where no request was sent."""

    signal: str
    title: str
    meaning: str
    control: tuple[float | None, ...]
    treatment: tuple[float | None, ...]


class Timeline(Finding):
    """What a report draws."""

    t_from: float
    t_to: float
    bin_s: float
    series: tuple[Series, ...]
    background: tuple[AlertSeen, ...]
    """Alerts of the treatment that belong to no fault."""


class Counts(Finding):
    """Requests and releases of the treatment in the horizon, for aggregates."""

    requests: int
    answered: int
    feature_ages: int
    feature_fresh: int
    model_ages: int
    model_fresh: int
    compared: int
    """Answers that the control gave too."""
    sound: int
    """Those of them that rest on complete, timely and correct data."""
    trainings_due: int
    """Models that came into the control's service."""
    trainings_done: int
    """Those of them for which a model as new came into the treatment's service."""
    releases: int
    """Models that began to answer and whose release was carried to an end."""
    releases_kept: int
    """Those of them that took over, stayed, and left users no worse off."""
    releases_worse: int
    """Those of them that left users worse off, for however long."""
    releases_worse_ended: int
    """Those of the worse ones that were withdrawn again."""
    releases_worse_contained: int
    """Those of the worse ones that were withdrawn before they took over."""


class ExperimentFinding(Finding):
    """One scenario under one profile and seed, judged against its control."""

    arm: str
    scenario: str
    description: str
    classification: dict[str, str]
    tags: tuple[str, ...]
    profile: str
    backend: str
    seed: int
    begins_s: float
    """When the first fault begins, from the end of the warm-up: repeats of a scenario differ in it, and in the seed."""
    start: str
    warmup_s: float
    horizon_s: float
    outcome: Outcome
    verdict: Verdict
    reasons: tuple[str, ...]
    faults: tuple[FaultFinding, ...]
    expectations: tuple[ExpectationFinding, ...]
    signals: tuple[SignalHarm, ...]
    counts: Counts | None
    timeline: Timeline | None
    unsteady_after: tuple[str, ...] | None = None
    """What of the steady state did not hold again at the horizon, with every fault taken back; empty if all did, None
    where nobody looked."""


class ControlFinding(Finding):
    """A fault-free run: what its monitors said when nothing was injected."""

    arm: str
    profile: str
    seed: int
    start: str
    """The replay's wall clock at second 0."""
    warmup_s: float
    unusable: str
    """Why it says nothing; empty if it does."""
    days: float
    """How long it was watched, from the end of the warm-up."""
    false_alarms: int
    pages: int
    alarms: tuple[AlertSeen, ...]
    """What people were told in that time, or before it and still."""


class MetricFinding(Finding):
    """One metric of one profile. ``value`` is None if nothing was measured; ``note`` says why or what of
    it."""

    name: str
    title: str
    unit: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    censored: int
    median: float | None
    p95: float | None
    """None as well for fewer observations than it needs."""
    longest: float | None
    """The longest time; None if one never ended."""
    tau_s: float | None
    grade: str | None
    note: str


class TierFinding(Finding):
    """The performance tier, 0 for none of the five, None if it could not be measured."""

    level: int | None
    name: str
    holds_back: tuple[str, ...]
    """What keeps the profile from the next tier, or what was not measured."""


class CapabilityFinding(Finding):
    """One row of the comparison matrix: the column that was reached, 1 to 4; None where nothing shows it."""

    capability: str
    level: int | None
    name: str
    evidence: str


class CostFinding(Finding):
    """What failures are expected to cost a year, with the user's rates; ``unmeasured`` families are not in it."""

    currency: str
    expected_a_year: float | None
    low: float | None
    high: float | None
    revenue: float
    recovery: float
    reputation: float
    pages: float
    prevention_a_year: float | None
    budget_a_year: float | None
    unmeasured: tuple[str, ...]


class ScenarioFinding(Finding):
    """All repeats of one scenario under one profile."""

    scenario: str
    profile: str
    repeats: int
    outcome: Outcome
    """The worst for users among the repeats, what is unknown before what is well."""
    verdict: Verdict
    outcomes: dict[str, int]
    verdicts: dict[str, int]
    metrics: tuple[MetricFinding, ...]

    def metric(self, name: str) -> MetricFinding:
        """The metric of that name. Raises `KeyError` if there is none."""
        return _named(self.metrics, name)


class ProfileFinding(Finding):
    """What all experiments of one profile add up to."""

    profile: str
    backends: tuple[str, ...]
    seeds: tuple[int, ...]
    experiments: int
    outcomes: dict[str, int]
    verdicts: dict[str, int]
    tier: TierFinding
    metrics: tuple[MetricFinding, ...]
    maturity: tuple[CapabilityFinding, ...]
    cost: CostFinding | None
    controls: tuple[ControlFinding, ...]

    def metric(self, name: str) -> MetricFinding:
        """The metric of that name. Raises `KeyError` if there is none."""
        return _named(self.metrics, name)


def _named(metrics: tuple[MetricFinding, ...], name: str) -> MetricFinding:
    for metric in metrics:
        if metric.name == name:
            return metric
    raise KeyError(name)
