"""Small findings for the examples in the metrics' docstrings: one experiment with one fault each."""

from __future__ import annotations

from typing import Any

from harness.scoring.findings import (
    AlertSeen,
    ControlFinding,
    Counts,
    Detection,
    ExperimentFinding,
    FaultFinding,
    Grade,
    Recovery,
    RecoveryKind,
    Timeline,
)
from harness.scoring.metrics._metric import Pool
from harness.scoring.policy import Policy
from harness.verdict import Outcome, Verdict

__all__ = ["control", "experiment", "pool"]

HORIZON_S = 86_400.0


def experiment(
    *, detected_s: float | None = None, back_s: float | None = None, harmed: bool = True, harm: float = 0.5, **more: Any
) -> ExperimentFinding:
    """A fault that acts at 0, is removed at 6 h and was noticed and mended after so long, None for never; ``more`` are
    counts."""
    counts = Counts(**{name: more.get(name, 0) for name in Counts.model_fields})
    alert = None if detected_s is None else _alert(detected_s)
    kept = harmed and back_s is not None and back_s < 6 * 3600
    kind = RecoveryKind.MITIGATED if kept else RecoveryKind.RECOVERED if back_s is not None else RecoveryKind.NEVER
    fault = FaultFinding(
        id="fault",
        fault="schema.rename_column",
        point="feed:weather",
        params={},
        outcome=Outcome.ABSORBED if not harmed else Outcome.SILENT if alert is None else Outcome.CAUGHT,
        reason="",
        t_act=0.0,
        t_end=6 * 3600.0,
        t_on=0.0 if harmed else None,
        touched=1.0,
        what="rows",
        remains="",
        harm=harm if harmed else 0.0,
        signals=(),
        detection=Detection(
            grade=Grade.NONE if alert is None else Grade.LOCALISED,
            first=alert,
            localised_by=alert,
            alerts=() if alert is None else (alert,),
            time_to_detect_s=detected_s,
            from_onset_s=detected_s,
            watched_s=HORIZON_S,
            harm_before=0.0,
        ),
        recovery=Recovery(
            kind=kind if harmed else RecoveryKind.NOT_NEEDED,
            t_back=back_s,
            t_rec=back_s,
            time_to_recover_s=None if back_s is None else back_s - (detected_s or 0.0),
            from_effect_s=back_s,
            from_removal_s=None if back_s is None else max(0.0, back_s - 6 * 3600),
            t_watched=HORIZON_S,
            watched_s=HORIZON_S,
            relapsed=bool(more.get("relapsed")),
            why="",
        ),
    )
    timeline = Timeline(t_from=0.0, t_to=HORIZON_S, bin_s=1800.0, series=(), background=tuple(more.get("others", ())))
    return _experiment(fault, counts, timeline)


def control(*, days: float, alarms: int, pages: int = 0) -> ControlFinding:
    """A fault-free run, whose alarms come one a minute."""
    told = [_alert(60.0 * number) for number in range(alarms)]
    return ControlFinding(
        arm="c",
        profile="",
        seed=1,
        start="2013-06-10T00:00:00Z",
        warmup_s=0.0,
        unusable="",
        days=days,
        false_alarms=alarms,
        pages=pages,
        alarms=tuple(
            alarm if number < pages else alarm.model_copy(update={"severity": "warning"})
            for number, alarm in enumerate(told)
        ),
    )


def pool(*experiments: ExperimentFinding, controls: tuple[ControlFinding, ...] = ()) -> Pool:
    """What one profile showed."""
    return Pool(experiments, controls, Policy())


def _alert(fires: float) -> AlertSeen:
    return AlertSeen(
        name="SourceStale",
        component="ingestion",
        severity="critical",
        labels={},
        summary="",
        t_fired=fires,
        t_resolved=None,
    )


def _experiment(fault: FaultFinding, counts: Counts, timeline: Timeline) -> ExperimentFinding:
    return ExperimentFinding(
        arm="",
        scenario="example",
        description="",
        classification={},
        tags=(),
        profile="",
        backend="sim",
        seed=1,
        begins_s=0.0,
        start="2013-06-10T00:00:00Z",
        warmup_s=0.0,
        horizon_s=HORIZON_S,
        outcome=fault.outcome,
        verdict=Verdict.PASSED,
        reasons=(),
        faults=(fault,),
        expectations=(),
        signals=(),
        counts=counts,
        timeline=timeline,
    )
