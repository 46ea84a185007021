"""Which alerts a fault raised, by comparison with the control, and how soon."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from harness.scoring.evidence import AlertEvent
from harness.scoring.findings import AlertSeen, Detection, Grade
from harness.scoring.localisation import grade
from harness.scoring.policy import Policy

#: Severities that reach a person; an info alert is a log line, neither a detection nor a false alarm.
NOTIFYING = frozenset({"critical", "warning"})

_ORDER = list(Grade)

_Key = tuple[str, str, tuple[tuple[str, str], ...]]
"""Name, component and labels: what is down is not in the labels of an alert that says that something is."""


def alerts_of(events: Iterable[AlertEvent]) -> tuple[AlertSeen, ...]:
    """Joins the lines of an arm into alerts: repeated firing is one alert until it resolves."""
    firing: dict[_Key, int] = {}
    seen: list[AlertSeen] = []
    for event in events:
        key = (event.name, event.component, event.labels)
        at = firing.get(key)
        if event.firing and at is None:
            firing[key] = len(seen)
            seen.append(
                AlertSeen(
                    name=event.name,
                    component=event.component,
                    severity=event.severity,
                    labels=dict(event.labels),
                    summary=event.summary,
                    t_fired=event.t,
                    t_resolved=None,
                )
            )
        elif event.firing and at is not None:
            seen[at] = _raised(seen[at], event)
        elif not event.firing and at is not None:
            seen[at] = seen[at].model_copy(update={"t_resolved": event.t})
            del firing[key]
    return tuple(sorted(seen, key=_when))


def _raised(alert: AlertSeen, event: AlertEvent) -> AlertSeen:
    """The alert as of its worst: a log line that becomes one which reaches people fires then."""
    if event.severity != "critical" and (event.severity not in NOTIFYING or alert.severity in NOTIFYING):
        return alert
    fired = alert.t_fired if alert.severity in NOTIFYING else event.t
    return alert.model_copy(update={"severity": event.severity, "summary": event.summary, "t_fired": fired})


def fresh_alerts(treatment: Sequence[AlertSeen], control: Sequence[AlertSeen], policy: Policy) -> tuple[AlertSeen, ...]:
    """The treatment's notifying alerts that have no counterpart: same name, component and labels, firing in the
    control at any time within w of the moment."""
    twins: dict[_Key, list[AlertSeen]] = {}
    for alert in control:
        twins.setdefault(_key(alert), []).append(alert)

    def has_twin(alert: AlertSeen) -> bool:
        low, high = alert.t_fired - policy.counterpart_s, alert.t_fired + policy.counterpart_s
        return any(
            twin.t_fired <= high and (twin.t_resolved is None or twin.t_resolved >= low)
            for twin in twins.get(_key(alert), ())
        )

    return tuple(alert for alert in treatment if alert.severity in NOTIFYING and not has_twin(alert))


def distinct(alerts: Iterable[AlertSeen]) -> list[AlertSeen]:
    """Each alert once: one may be of several faults, and still was one message."""
    return list({(_key(alert), alert.t_fired): alert for alert in alerts}.values())


def settled_beside(alerts: Sequence[AlertSeen], control: Sequence[AlertSeen]) -> tuple[AlertSeen, ...]:
    """The alerts, each resolved no later than the control takes it over: from when the control fires the same
    alert for at least as long, it is the control's state and no longer the fault's doing."""
    settled = []
    for alert in alerts:
        end = math.inf if alert.t_resolved is None else alert.t_resolved
        taken_over = [
            max(twin.t_fired, alert.t_fired)
            for twin in control
            if _key(twin) == _key(alert)
            and twin.t_fired < end
            and (math.inf if twin.t_resolved is None else twin.t_resolved) >= end
        ]
        settled.append(alert.model_copy(update={"t_resolved": min(taken_over)}) if taken_over else alert)
    return tuple(settled)


def detection_of(
    alerts: Sequence[AlertSeen],
    expected: frozenset[str],
    *,
    t_act: float,
    t_on: float | None,
    watched_s: float,
) -> Detection:
    """The detection by alerts that are already attributed to the fault; ``harm_before`` is filled in
    later."""
    ranked = sorted(alerts, key=_when)
    first = ranked[0] if ranked else None
    grades = [grade(alert.component, expected) for alert in ranked]
    localised = next((a for a, g in zip(ranked, grades, strict=True) if g is Grade.LOCALISED), None)
    return Detection(
        grade=max(grades, key=_ORDER.index, default=Grade.NONE),
        first=first,
        localised_by=localised,
        alerts=tuple(ranked),
        time_to_detect_s=None if first is None else first.t_fired - t_act,
        from_onset_s=None if first is None or t_on is None else first.t_fired - t_on,
        watched_s=watched_s,
        harm_before=0.0,
    )


def _key(alert: AlertSeen) -> _Key:
    return alert.name, alert.component, tuple(sorted(alert.labels.items()))


def _when(alert: AlertSeen) -> tuple[float, _Key]:
    return alert.t_fired, _key(alert)
