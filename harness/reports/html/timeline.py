"""One experiment as rows on a common axis of time: fault, users, alerts, and the signals against their control.

All of it is SVG placed in percent, so that it needs no script and no style of its own, and reads the same on a
phone and on paper.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.reports.html.axis import Axis
from harness.reports.html.curves import Curve, curve_rows
from harness.reports.html.markup import Html, el, join
from harness.reports.narrative import plain
from harness.scoring.expectations import alert_text, grade_text
from harness.scoring.findings import AlertSeen, ExperimentFinding, FaultFinding, RecoveryKind, Timeline
from harness.scoring.wording import brief_text, duration_text

__all__ = ["draw", "moments", "summary"]

_MOST_TICKS = 60
#: Height of a lane, and of its bar, in pixels.
_LANE, _BAR = 26, 12


def draw(experiment: ExperimentFinding, curves: Sequence[Curve], number: int) -> Html:
    """The timeline of an experiment; nothing for one that was not judged. ``number`` names it for the script that
    draws the curves anew."""
    timeline = experiment.timeline
    if timeline is None:
        return Html("")
    axis = Axis(timeline)
    bands = _bands(axis, experiment.faults)
    rows = [_fault_row(axis, experiment.faults), _users_row(axis, experiment.faults)]
    rows.append(_alert_row(axis, experiment.faults, timeline.background))
    signals = el("div", *curve_rows(axis, curves, bands), class_="curves")
    return el(
        "figure",
        *rows,
        signals,
        _axis_row(axis),
        class_="timeline",
        role="group",
        aria_label=summary(experiment),
        data_plot=number if curves else None,
    )


def summary(experiment: ExperimentFinding) -> str:
    """The timeline in words, for those who can't see it."""
    parts = []
    for fault in experiment.faults:
        if fault.t_act is None or fault.t_end is None:
            continue
        start = experiment.warmup_s
        text = f"{fault.fault} acts from {brief_text(fault.t_act - start)} to {brief_text(fault.t_end - start)}"
        if fault.t_on is not None:
            text += f", harm begins at {brief_text(fault.t_on - start)}"
        first = fault.detection.first if fault.detection else None
        if first is None:
            text += ", no alert"
        else:
            text += f", first alert {alert_text(first)} at {brief_text(first.t_fired - start)}"
        if fault.recovery and fault.recovery.t_back is not None:
            text += f", users are back at {brief_text(fault.recovery.t_back - start)}"
        parts.append(text)
    return plain("; ".join(parts)) or "no fault acted"


def _row(label: str, lanes: Sequence[Html], said: Sequence[str]) -> Html:
    """A row of lanes, each an `svg` of its own height; where they are narrow, what they say stands above them."""
    words = el("small", "; ".join(dict.fromkeys(said)), class_="said")
    return el("div", el("span", label, words, class_="tl-label"), el("div", *lanes, class_="lanes"), class_="tl-row")


def _lane(*children: Html, height: int = _LANE, class_: str = "") -> Html:
    return el("svg", *children, width="100%", height=height, class_=f"lane {class_}".strip(), aria_hidden="true")


def _only(label: str, text: str, class_: str = "calm") -> Html:
    """A row that has nothing to show and says so."""
    return _row(label, [_lane(el("text", text, x="0", y=_LANE - 9), class_=class_)], [])


def _spans(axis: Axis, faults: Sequence[FaultFinding]) -> list[tuple[float, float]]:
    """When any fault acts, merged where faults overlap."""
    merged: list[tuple[float, float]] = []
    spans = [(f.t_act, axis.end if f.t_end is None else f.t_end) for f in faults if f.t_act is not None]
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _bands(axis: Axis, faults: Sequence[FaultFinding]) -> Html:
    spans = ((axis.at(start), axis.at(end)) for start, end in _spans(axis, faults))
    return join(
        *(
            el("rect", x=f"{a:g}%", y="0", width=f"{max(b - a, 0.25):g}%", height="100%", class_="band")
            for a, b in spans
        )
    )


def _bar(axis: Axis, start: float, end: float, text: str, class_: str, title: str) -> Html:
    """A bar with its text behind it, before it where there is no room behind, or on it."""
    left, right = axis.at(start), axis.at(end)
    bar = el(
        "rect",
        el("title", title),
        x=f"{left:g}%",
        y=(_LANE - _BAR) // 2,
        width=f"{max(right - left, 0.25):g}%",
        height=_BAR,
        rx=3,
        class_=f"bar {class_}",
    )
    if left < 12 and right > 85:
        return join(bar, _label(left, text, "inside"))
    behind = right <= 100 - left or right < 55
    return join(bar, _label(right if behind else left, text, "after" if behind else "before"))


def _label(at: float, text: str, side: str) -> Html:
    """Text beside a moment; ``side`` is after, before or inside."""
    return el("text", text, x=f"{at:g}%", y=_LANE - 9, dx=-9 if side == "before" else 9, class_=side)


def _fault_row(axis: Axis, faults: Sequence[FaultFinding]) -> Html:
    acted = [fault for fault in faults if fault.t_act is not None]
    if not acted:
        return _only("Fault", "touched nothing")
    lanes, said = [], []
    for fault in acted:
        assert fault.t_act is not None
        end = axis.end if fault.t_end is None else fault.t_end
        text = f"{fault.fault}, {duration_text(end - fault.t_act)}"
        title = f"{text} on {fault.point}, touched {fault.touched:g} {fault.what}"
        lanes.append(_lane(_bar(axis, fault.t_act, end, text, "fault", title)))
        said.append(text)
    return _row("Fault", lanes, said)


def _users_row(axis: Axis, faults: Sequence[FaultFinding]) -> Html:
    """From the onset of harm until users are back, and how that came about."""
    lanes: list[Html] = []
    said = []
    for fault in faults:
        recovery = fault.recovery
        if fault.t_on is None or recovery is None:
            continue
        end = axis.end if recovery.t_back is None else recovery.t_back
        text = f"back after {duration_text(end - fault.t_on)}"
        if recovery.t_back is None:
            text = "worse off until the end"
        elif recovery.kind is RecoveryKind.MITIGATED:
            text += ": mitigated under the fault"
        elif recovery.t_rec is None:
            text += ", alerts never resolved" if recovery.firing else ", too late to be sure"
        elif recovery.t_rec > recovery.t_back:
            text += f", alerts resolved {duration_text(recovery.t_rec - recovery.t_back)} later"
        lane = _lane(_bar(axis, fault.t_on, end, text, "harm", f"users worse off, {text}"))
        lanes += [lane] if lane not in lanes else []
        said.append(text)
    return _row("Users", lanes, said) if lanes else _only("Users", "not worse off", "well")


def _alert_row(axis: Axis, faults: Sequence[FaultFinding], background: Sequence[AlertSeen]) -> Html:
    """The first alert of each fault with its name; all others as ticks in a lane below."""
    firsts: list[Html] = []
    said = []
    ticks = [_tick(axis, alert, "other", "not of the fault") for alert in background[:_MOST_TICKS]]
    for fault in faults:
        detection = fault.detection
        if detection is None or detection.first is None:
            continue
        text = f"{alert_text(detection.first)}, +{brief_text(detection.time_to_detect_s)}"
        lane = _lane(*_first_alert(axis, detection.first, text, grade_text(detection.grade)))
        said.append(text)
        firsts += [lane] if lane not in firsts else []
        more = [alert for alert in detection.alerts if alert != detection.first]
        ticks += [_tick(axis, alert, "more", "of the fault") for alert in more[:_MOST_TICKS]]
    below = [_lane(*dict.fromkeys(ticks), height=12)] if ticks else []
    if firsts:
        return _row("Alerts", [*firsts, *below], said)
    acted = any(fault.t_act is not None for fault in faults)
    silent = any(fault.outcome.value == "silent" for fault in faults)
    nothing = el("text", "none for the fault" if acted else "none to look for", x="0", y=_LANE - 9)
    return _row("Alerts", [_lane(nothing, class_="alarm" if silent else "calm"), *below], [])


def _first_alert(axis: Axis, alert: AlertSeen, text: str, grade: str) -> list[Html]:
    """A diamond where the alert fired, a line for as long as it did, and its name."""
    at = axis.at(alert.t_fired)
    until = axis.end if alert.t_resolved is None else alert.t_resolved
    label = _label(at, text, "after" if at < 60 else "before")
    middle = _LANE // 2
    firing = el(
        "rect", x=f"{at:g}%", y=_LANE - 3, width=f"{max(axis.at(until) - at, 0.25):g}%", height=2, class_="firing"
    )
    diamond = el("path", el("title", _told(alert, grade)), d="M0 -6L6 0L0 6L-6 0z", class_="first")
    return [firing, el("svg", diamond, x=f"{at:g}%", y=middle, overflow="visible"), label]


def _tick(axis: Axis, alert: AlertSeen, kind: str, why: str) -> Html:
    return el(
        "rect",
        el("title", _told(alert, why)),
        x=f"{axis.at(alert.t_fired):g}%",
        width=2,
        height=11,
        class_=f"tick {kind}",
    )


def _told(alert: AlertSeen, why: str) -> str:
    resolved = f", resolved after {duration_text(alert.t_resolved - alert.t_fired)}" if alert.t_resolved else ""
    return f"{alert_text(alert)} ({alert.severity}, {why}){resolved}: {alert.summary}"


def _axis_row(axis: Axis) -> Html:
    marks = [
        el("text", text, x=f"{at:g}%", y=12, class_="mark" if at else "mark zero")
        for at, text in axis.marks()
        if at < 97
    ]
    scale = el("svg", *marks, width="100%", height=18, class_="lane")
    return el("div", el("span", class_="tl-label"), el("div", scale), class_="tl-row axis", aria_hidden="true")


def moments(experiment: ExperimentFinding, timeline: Timeline) -> dict[str, list[list[float]]]:
    """What the interactive plots mark, in seconds from the end of the warm-up: spans of faults and of harm, and the
    moments of the alerts."""
    axis, zero = Axis(timeline), experiment.warmup_s
    harmed = [
        [fault.t_on - zero, (axis.end if fault.recovery.t_back is None else fault.recovery.t_back) - zero]
        for fault in experiment.faults
        if fault.t_on is not None and fault.recovery is not None
    ]
    firsts = [f.detection.first.t_fired - zero for f in experiment.faults if f.detection and f.detection.first]
    return {
        "faults": [[start - zero, end - zero] for start, end in _spans(axis, experiment.faults)],
        "harm": sorted(harmed),
        "alerts": [[at] for at in sorted(set(firsts))],
    }
