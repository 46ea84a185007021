"""One experiment as rows on a common axis of time: fault, harm, alerts, and the signals against their
control.

Bars and ticks are placed in percent, curves are stretched SVG, labels are text of the page: so it reads the
same on a phone and on paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.reports.html.markup import Html, el, join
from harness.reports.narrative import plain
from harness.scoring.expectations import alert_text, grade_text
from harness.scoring.findings import AlertSeen, ExperimentFinding, FaultFinding, RecoveryKind, Series, Timeline
from harness.scoring.wording import brief_text, duration_text, share_text

_STEPS_H = (0.25, 0.5, 1, 2, 3, 6, 12, 24, 48, 96, 168, 336)
_MOST_TICKS = 60


class _Axis:
    """From virtual seconds to percent of the width."""

    def __init__(self, timeline: Timeline) -> None:
        self.start, self.end = timeline.t_from, max(timeline.t_to, timeline.t_from + 1)

    def at(self, t: float) -> float:
        """Where a moment is, in percent, kept within the axis."""
        return round(100 * min(1.0, max(0.0, (t - self.start) / (self.end - self.start))), 3)

    def marks(self) -> list[tuple[float, str]]:
        """Six or so marks with hours (or days) since the end of the warm-up."""
        hours = (self.end - self.start) / 3600
        step = next((step for step in _STEPS_H if hours / step <= 8), hours)
        unit, size = ("d", 24.0) if step >= 24 else ("h", 1.0)
        return [
            (self.at(self.start + mark * step * 3600), f"{mark * step / size:g} {unit}")
            for mark in range(int(hours / step) + 1)
        ]


def draw(experiment: ExperimentFinding) -> Html:
    """The timeline of an experiment; nothing for one that was not judged."""
    timeline = experiment.timeline
    if timeline is None:
        return Html("")
    axis = _Axis(timeline)
    bands = _bands(axis, experiment.faults)
    rows = [_fault_row(axis, experiment.faults), _harm_row(axis, experiment.faults)]
    rows.append(_alert_row(axis, experiment.faults, timeline.background))
    rows += [_signal_row(axis, series, timeline, bands) for series in _shown(experiment, timeline)]
    return el("figure", *rows, _axis_row(axis), class_="timeline", role="group", aria_label=summary(experiment))


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


def _row(label: str, content: Html, class_: str, note: str = "") -> Html:
    name = el("span", label, el("small", note) if note else None, class_="tl-label")
    return el("div", name, el("div", content, class_=f"track {class_}"), class_="tl-row")


def _place(start: float, end: float) -> str:
    return f"left:{start:g}%;width:{max(end - start, 0.25):g}%"


def _bands(axis: _Axis, faults: Sequence[FaultFinding]) -> Html:
    """Where any fault acts, as stripes that do not overlap."""
    merged: list[tuple[float, float]] = []
    spans = [(f.t_act, axis.end if f.t_end is None else f.t_end) for f in faults if f.t_act is not None]
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return join(*(el("i", class_="band", style=_place(axis.at(start), axis.at(end))) for start, end in merged))


def _bar(axis: _Axis, start: float, end: float, text: str, class_: str, title: str) -> Html:
    """A bar with its text behind it, or before it where there is no room behind."""
    left, right = axis.at(start), axis.at(end)
    side = "after" if right <= 100 - left or right < 55 else "before"
    place = f"left:{right:g}%" if side == "after" else f"right:{100 - left:g}%"
    if left < 12 and right > 85:
        side, place = "inside", f"left:{left:g}%"
    return join(
        el("i", class_=f"bar {class_}", style=_place(left, right), title=title),
        el("span", text, class_=f"bar-text {side}", style=place),
    )


def _fault_row(axis: _Axis, faults: Sequence[FaultFinding]) -> Html:
    acted = [fault for fault in faults if fault.t_act is not None]
    if not acted:
        return _row("Fault", el("span", "touched nothing", class_="bar-text after", style="left:0"), "lane")
    lanes = []
    for fault in acted:
        assert fault.t_act is not None
        end = axis.end if fault.t_end is None else fault.t_end
        lasted = duration_text(end - fault.t_act)
        title = f"{fault.fault} on {fault.point}: {lasted}, touched {fault.touched:g} {fault.what}"
        lanes.append(el("div", _bar(axis, fault.t_act, end, f"{fault.fault}, {lasted}", "fault", title), class_="lane"))
    return _row("Fault", join(*lanes), "lanes")


def _harm_row(axis: _Axis, faults: Sequence[FaultFinding]) -> Html:
    lanes = []
    for fault in faults:
        recovery = fault.recovery
        if fault.t_on is None or recovery is None:
            continue
        end = axis.end if recovery.t_back is None else recovery.t_back
        text = f"users are back after {duration_text(end - fault.t_on)}"
        if recovery.t_back is None:
            text = "until the end"
        elif recovery.kind is RecoveryKind.MITIGATED:
            text += ", under the fault"
        elif recovery.t_rec is None:
            text += ", alerts never resolved"
        elif recovery.t_rec > recovery.t_back:
            text += f", alerts resolved {duration_text(recovery.t_rec - recovery.t_back)} later"
        lane = el("div", _bar(axis, fault.t_on, end, text, "harm", text), class_="lane")
        lanes += [lane] if lane not in lanes else []
    if not lanes:
        return _row("Harm", el("span", "none", class_="bar-text after calm", style="left:0"), "lane")
    return _row("Harm", join(*lanes), "lanes")


def _alert_row(axis: _Axis, faults: Sequence[FaultFinding], background: Sequence[AlertSeen]) -> Html:
    """The first alert of each fault with its name; all others as ticks in a lane below."""
    firsts: list[Html] = []
    ticks = [_tick(axis, alert, "other", "not of the fault") for alert in background[:_MOST_TICKS]]
    for fault in faults:
        detection = fault.detection
        if detection is None or detection.first is None:
            continue
        text = f"{alert_text(detection.first)}, +{brief_text(detection.time_to_detect_s)}"
        diamond = _tick(axis, detection.first, "first", grade_text(detection.grade))
        lane = el("div", diamond, _alert_label(axis.at(detection.first.t_fired), text), class_="lane")
        firsts += [lane] if lane not in firsts else []
        more = [alert for alert in detection.alerts if alert != detection.first]
        ticks += [_tick(axis, alert, "more", "of the fault") for alert in more[:_MOST_TICKS]]
    if not firsts:
        acted = any(fault.t_act is not None for fault in faults)
        silent = any(fault.outcome.value == "silent" for fault in faults)
        text = "none for the fault" if acted else "none to look for"
        class_ = "bar-text after" + (" alarm" if silent else "")
        firsts = [el("div", el("span", text, class_=class_, style="left:0"), class_="lane")]
    below = el("div", *dict.fromkeys(ticks), class_="lane ticks") if ticks else None
    return _row("Alerts", join(*firsts, below), "lanes")


def _alert_label(at: float, text: str) -> Html:
    if at < 60:
        return el("span", text, class_="bar-text after", style=f"left:{at:g}%")
    return el("span", text, class_="bar-text before", style=f"right:{100 - at:g}%")


def _tick(axis: _Axis, alert: AlertSeen, kind: str, why: str) -> Html:
    resolved = f", resolved after {duration_text(alert.t_resolved - alert.t_fired)}" if alert.t_resolved else ""
    title = f"{alert_text(alert)} ({alert.severity}, {why}){resolved}: {alert.summary}"
    return el("i", class_=f"tick {kind}", style=f"left:{axis.at(alert.t_fired):g}%", title=title)


def _shown(experiment: ExperimentFinding, timeline: Timeline) -> list[Series]:
    """The signals that suffered, else the total, which is then flat."""
    hurt = {harm.signal for harm in experiment.signals if harm.decides and harm.t_on is not None}
    return [s for s in timeline.series if s.signal in hurt] or [s for s in timeline.series if s.signal == "total"]


def _signal_row(axis: _Axis, series: Series, timeline: Timeline, bands: Html) -> Html:
    top = max([v for v in (*series.control, *series.treatment) if v is not None], default=0.0) or 1.0
    count = max(1, len(series.control))
    width = 100 * count * timeline.bin_s / (axis.end - axis.start)
    chart = el(
        "svg",
        el("path", d=_excess(series, top), class_="excess"),
        el("path", d=_steps(series.control, top), class_="control"),
        el("path", d=_steps(series.treatment, top), class_="treatment"),
        viewBox=f"0 0 {count} 100",
        preserveAspectRatio="none",
        style=f"width:{width:.4g}%",
        aria_hidden="true",
    )
    peak = share_text(top) if series.signal != "total" and series.signal != "quality" else f"{top:.2f}"
    scale = el("span", peak, class_="scale")
    return _row(series.title, join(bands, chart, scale), "chart", series.meaning)


def _level(value: float, top: float) -> str:
    return f"{100 - 94 * value / top:.4g}"


def _steps(values: Sequence[float | None], top: float) -> str:
    """A step line, broken where a bin is empty."""
    parts, drawing = [], False
    for index, value in enumerate(values):
        if value is None:
            drawing = False
            continue
        level = _level(value, top)
        parts.append(f"V{level}h1" if drawing else f"M{index} {level}h1")
        drawing = True
    return "".join(parts)


def _excess(series: Series, top: float) -> str:
    """Where the treatment is worse than the control, as boxes between the two."""
    boxes: Iterable[str] = (
        f"M{index} {_level(before, top)}V{_level(after, top)}h1V{_level(before, top)}z"
        for index, (before, after) in enumerate(zip(series.control, series.treatment, strict=True))
        if before is not None and after is not None and after > before
    )
    return "".join(boxes)


def _axis_row(axis: _Axis) -> Html:
    marks = [el("span", text, style=f"left:{at:g}%") for at, text in axis.marks() if at < 97]
    return el(
        "div", el("span", class_="tl-label"), el("div", *marks, class_="axis"), class_="tl-row", aria_hidden="true"
    )
