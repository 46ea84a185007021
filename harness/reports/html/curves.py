"""The curves of an experiment: what is drawn of each signal, treatment over control, and the still picture of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.reports.html.axis import Axis
from harness.reports.html.markup import Html, el, join
from harness.reports.traces import Trace, TraceReader
from harness.scoring.findings import ExperimentFinding, Series, Timeline
from harness.scoring.wording import brief_text, number_text, share_text

__all__ = ["Curve", "curve_rows", "curves_of"]

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Curve:
    """One signal of an experiment. ``unit`` is loss, share, ms or s; ``up_is_bad`` says which way users suffer.

    ``treatment_max`` is the worst of each bucket where ``treatment`` is the middle; ``log``: over decades.
    """

    name: str
    title: str
    note: str
    unit: str
    step_s: float
    control: Values
    treatment: Values
    treatment_max: Values = ()
    up_is_bad: bool = True
    log: bool = False


def curves_of(experiment: ExperimentFinding, traces: TraceReader | None) -> list[Curve]:
    """What is shown of an experiment: the judge's degradation, then what users met; nothing if nothing was judged."""
    timeline = experiment.timeline
    if timeline is None:
        return []
    trace = None if traces is None else traces.trace(experiment.arm)
    control = None if traces is None else traces.trace(traces.control_of(experiment.arm) or "")
    found = [_degradation(series, timeline) for series in timeline.series if series.signal == "total"]
    if trace is None or control is None:
        hurt = {harm.signal for harm in experiment.signals if harm.decides and harm.t_on is not None}
        return found + [_degradation(series, timeline) for series in timeline.series if series.signal in hurt]
    count = max(1, math.ceil((timeline.t_to - timeline.t_from) / trace.bucket_s))
    return found + [_cut(curve, count) for curve in _met(trace, control)]


def _degradation(series: Series, timeline: Timeline) -> Curve:
    title = "Degradation" if series.signal == "total" else series.title
    return Curve(series.signal, title, series.meaning, "loss", timeline.bin_s, series.control, series.treatment)


def _met(trace: Trace, control: Trace) -> Iterator[Curve]:
    step = trace.bucket_s
    yield Curve(
        "availability",
        "Availability",
        "share of requests that were answered",
        "share",
        step,
        control.availability,
        trace.availability,
        up_is_bad=False,
    )
    yield Curve(
        "latency",
        "Latency",
        "of the answers: median, and the slowest",
        "ms",
        step,
        control.latency_ms,
        trace.latency_ms,
        trace.latency_ms_max,
        log=True,
    )
    ages = [
        ("feature_age", "Feature age", control.feature_age_s, trace.feature_age_s, trace.feature_age_s_max),
        ("model_age", "Model age", control.model_age_s, trace.model_age_s, trace.model_age_s_max),
    ]
    for name, title, before, after, most in ages:
        if any(value is not None for value in (*before, *after)):
            yield Curve(name, title, "behind the answers: median, and the oldest", "s", step, before, after, most)


def _cut(curve: Curve, count: int) -> Curve:
    """The curve without what lies beyond the observation; a control may be longer than its treatment."""
    return Curve(
        curve.name,
        curve.title,
        curve.note,
        curve.unit,
        curve.step_s,
        tuple(curve.control[:count]),
        tuple(curve.treatment[:count]),
        tuple(curve.treatment_max[:count]),
        curve.up_is_bad,
        curve.log,
    )


def curve_rows(axis: Axis, curves: Sequence[Curve], bands: Html) -> list[Html]:
    """A row a curve, as still pictures."""
    return [_row(axis, curve, bands) for curve in curves]


def _row(axis: Axis, curve: Curve, bands: Html) -> Html:
    scale = _Scale(curve)
    length = len(curve.treatment)
    width = 100 * length * curve.step_s / axis.length_s
    picture = el(
        "svg",
        el("path", d=_excess(curve, scale), class_="excess"),
        el("path", d=_steps(curve.control[:length], scale), class_="control"),
        el("path", d=_steps(curve.treatment_max, scale), class_="extreme") if curve.treatment_max else None,
        el("path", d=_steps(curve.treatment, scale), class_="treatment"),
        viewBox=f"0 0 {max(1, length)} 100",
        preserveAspectRatio="none",
        width=f"{width:.4g}%",
        height="100%",
    )
    chart = el("svg", bands, picture, width="100%", height=64, class_="chart", aria_hidden="true")
    label = el("span", curve.title, el("small", f"{scale.text()}"), class_="tl-label", title=curve.note)
    return el("div", label, chart, class_="tl-row")


class _Scale:
    """From a value to a height between 0 (top) and 100, whole numbers: more than 64 pixels can show."""

    def __init__(self, curve: Curve) -> None:
        known = [v for v in (*curve.control, *curve.treatment, *curve.treatment_max) if v is not None]
        self._unit, self._log = curve.unit, curve.log
        self._top = max(known, default=0.0) or 1.0
        self._bottom = 0.0
        if curve.log:
            low = min((v for v in known if v > 0), default=1.0)
            self._bottom, self._top = math.floor(math.log10(low)), math.ceil(math.log10(max(self._top, low * 1.01)))
        elif curve.unit == "share":
            self._top = 1.0

    def __call__(self, value: float) -> int:
        if self._log:
            value = math.log10(value) if value > 0 else self._bottom
        return round(97 - 94 * (value - self._bottom) / ((self._top - self._bottom) or 1.0))

    def text(self) -> str:
        """From where to where the picture goes."""
        if self._log:
            return f"{_value(10**self._bottom, self._unit)} to {_value(10**self._top, self._unit)}"
        return f"0 to {_value(self._top, self._unit)}"


def _value(value: float, unit: str) -> str:
    if unit == "share":
        return share_text(value)
    if unit == "s":
        return brief_text(value)
    if unit == "ms":
        return f"{number_text(value)} ms" if value < 1000 else f"{number_text(value / 1000)} s"
    return number_text(value)


def _steps(values: Values, scale: _Scale) -> str:
    """A step line, broken where a bucket is empty; equal steps are one."""
    parts: list[str] = []
    level: int | None = None
    run = 0
    for index, value in enumerate((*values, None)):
        new = None if value is None else scale(value)
        if new == level:
            run += 1
            continue
        if level is not None:
            parts.append(f"h{run}")
        if new is not None:
            parts.append(f"V{new}" if level is not None else f"M{index} {new}")
        level, run = new, 1
    return "".join(parts)


def _excess(curve: Curve, scale: _Scale) -> str:
    """Where the treatment is worse than the control, as boxes between the two."""
    boxes = []
    for index, (before, after) in enumerate(zip(curve.control, curve.treatment, strict=False)):
        if before is None or after is None or (after > before) is not curve.up_is_bad or after == before:
            continue
        low, high = scale(before), scale(after)
        if low != high:
            boxes.append(f"M{index} {low}V{high}h1V{low}z")
    return join(*map(Html, boxes))
