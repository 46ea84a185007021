"""What came of one scenario under one profile and seed, in the words of an assertion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.matchers import NEVER, Elapsed
from harness.reports.narrative import harm_of, plain, reason_text, unmet
from harness.scoring.findings import AlertSeen, ExperimentFinding, FaultFinding, RecoveryKind
from harness.scoring.policy import HOUR_S
from harness.verdict import Outcome, Verdict

__all__ = ["Experiment", "story"]


@dataclass(frozen=True, slots=True, repr=False)
class Experiment:
    """A judged experiment; of several faults, the worst one counts.

    ``finding`` is all that is known of it, ``folder`` the run's, ``rerun`` the command that runs it again.
    """

    finding: ExperimentFinding
    folder: Path
    rerun: str

    @property
    def outcome(self) -> Outcome:
        """What became of the faults."""
        return self.finding.outcome

    @property
    def verdict(self) -> Verdict:
        """Whether the scenario's own expectations came true."""
        return self.finding.verdict

    @property
    def passed(self) -> bool:
        """Whether all of the scenario's own expectations came true."""
        return self.verdict is Verdict.PASSED

    @property
    def caught(self) -> bool:
        """Every fault that did harm was detected, and at least one did."""
        return self.outcome is Outcome.CAUGHT

    @property
    def silent(self) -> bool:
        """A fault did harm, and nobody was told."""
        return self.outcome is Outcome.SILENT

    @property
    def absorbed(self) -> bool:
        """The faults touched the pipeline and did no harm."""
        return self.outcome is Outcome.ABSORBED

    @property
    def detected(self) -> bool:
        """An alert was raised for every fault, harmful or not."""
        return self.time_to_detect < NEVER

    @property
    def time_to_detect(self) -> Elapsed:
        """From a fault's first effect to its first alert; `NEVER` if there was none."""
        return _worst([None if f.detection is None else f.detection.time_to_detect_s for f in self.finding.faults])

    @property
    def time_to_recover(self) -> Elapsed:
        """From detection until users were as well off as without the fault: 0 s if they were never harmed, `NEVER` if
        it did not happen while the pipeline was watched."""
        return _worst([_recovered_s(fault) for fault in self.finding.faults])

    @property
    def harm(self) -> Elapsed:
        """What users lost, as the time of a total outage that would hurt as much."""
        return Elapsed((harm_of(self.finding) or 0.0) * HOUR_S)

    @property
    def availability(self) -> float:
        """The share of requests that were answered."""
        counts = self.finding.counts
        return counts.answered / counts.requests if counts is not None and counts.requests else 0.0

    @property
    def alerts(self) -> tuple[AlertSeen, ...]:
        """The alerts that were raised for the faults, first one first."""
        alerts = [alert for fault in self.finding.faults if fault.detection for alert in fault.detection.alerts]
        return tuple(sorted(_once(alerts), key=lambda alert: (alert.t_fired, alert.name, alert.component)))

    def degradation(self, signal: str) -> float:
        """How far a signal fell against the control over the horizon, a share; raises `KeyError` for no such signal."""
        for harm in self.finding.signals:
            if harm.signal == signal:
                return max(0.0, harm.mean)
        known = ", ".join(harm.signal for harm in self.finding.signals)
        raise KeyError(f"no signal {signal!r} was measured. Measured were: {known}.")

    def fault(self, fault_id: str) -> FaultFinding:
        """One of several faults by its id; raises `KeyError` for no such fault."""
        for fault in self.finding.faults:
            if fault.id == fault_id:
                return fault
        raise KeyError(f"no fault {fault_id!r}. Faults: {', '.join(fault.id for fault in self.finding.faults)}.")

    def __repr__(self) -> str:
        found = self.finding
        told = f"detected {self.time_to_detect}" if self.detected else "no alert"
        return (
            f"<Experiment {plain(found.scenario)} under {plain(found.profile)}, seed {found.seed}: "
            f"{self.outcome.name}, {told}, {self.verdict}>"
        )


def _once(alerts: list[AlertSeen]) -> list[AlertSeen]:
    """Each alert once: one alert may belong to several faults."""
    unique: list[AlertSeen] = []
    for alert in alerts:
        if alert not in unique:
            unique.append(alert)
    return unique


def _recovered_s(fault: FaultFinding) -> float | None:
    if fault.recovery is not None and fault.recovery.kind is RecoveryKind.NOT_NEEDED:
        return 0.0
    return None if fault.recovery is None else fault.recovery.time_to_recover_s


def _worst(times: list[float | None]) -> Elapsed:
    return Elapsed(max((NEVER if time is None else time for time in times), default=NEVER))


def _head(experiment: Experiment) -> str:
    """What a reader must know first: that nothing was learnt, or what became of the faults."""
    outcome = experiment.outcome.name
    return outcome if experiment.verdict is not Verdict.INCONCLUSIVE else f"INCONCLUSIVE, {outcome}"


def story(experiment: Experiment) -> str:
    """What a failing test shows: what was expected, what happened, why, what to do, and how to run it again."""
    found = experiment.finding
    lines = [
        f"{_head(experiment)}: {plain(found.scenario)} under {plain(found.profile)}, seed {found.seed}",
        f"  {reason_text(found)}",
    ]
    for claim in unmet(found):
        rows = (("expected", claim.claim), ("what", claim.what), ("why", claim.why), ("fix", claim.fix))
        lines += [f"  {word:<9} {plain(text)}" for word, text in rows if text]
    if not unmet(found) or experiment.verdict is Verdict.INCONCLUSIVE:
        lines += [f"  reason    {plain(reason)}" for reason in found.reasons]
    return "\n".join([*lines, f"  rerun     {experiment.rerun}", f"  report    {experiment.folder / 'report.html'}"])
