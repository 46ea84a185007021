"""The course of a scenario as one self-contained page: drawn as SVG, without a script, nothing loaded from anywhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.resources import files
from itertools import groupby

from harness.history.listing import axis_text, last_text, metric_title, revision_text, value_text, when_text
from harness.history.queries import Point
from harness.reports.html.markup import Html, el

__all__ = ["render"]

_WIDTH, _HEIGHT = 960.0, 260.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 80.0, 16.0, 24.0, 32.0
_LINES = 4
#: More points than this are no better to see; the table says how many there are.
_POINTS_MOST = 1500
_ROWS_MOST = 200
_OUTCOMES = ("caught", "silent", "absorbed", "unknown", "inert")


def render(scenario: str, metric: str, points: Sequence[Point]) -> str:
    """The page. Every name is escaped."""
    style = Html(files("harness.history").joinpath("page.css").read_text(encoding="utf-8"))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    title = f"{metric_title(metric)}: {scenario}"
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", title),
        el("style", style),
    )
    groups = [list(group) for _, group in groupby(points, key=lambda point: point.profile)]
    legend = [el("span", el("b", name, class_=name), " ") for name in _OUTCOMES]
    note = "A point is a run, coloured by its worst outcome; × marks runs with an incident that never came to an end."
    body = el(
        "body",
        el(
            "main",
            el("h1", title),
            el("p", note, class_="soft"),
            el("p", *legend),
            *map(_Profile(metric).section, groups),
        ),
    )
    return "<!doctype html>\n" + el("html", head, body, lang="en") + "\n"


class _Profile:
    """One profile's plot and table."""

    def __init__(self, metric: str) -> None:
        self._metric = metric

    def section(self, points: Sequence[Point]) -> Html:
        return el(
            "section",
            el("h2", points[0].profile),
            el("p", last_text(self._metric, points), class_="soft"),
            self._plot(points[-_POINTS_MOST:]),
            self._table(points),
        )

    def _plot(self, points: Sequence[Point]) -> Html:
        high = max((point.value for point in points if point.value is not None), default=0.0) or 1.0
        places = _across(points)
        spots = [
            (x, _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * point.value / high, point)
            for x, point in zip(places, points, strict=True)
            if point.value is not None
        ]
        course = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in spots)
        label = f"{metric_title(self._metric)} under {points[0].profile}: {last_text(self._metric, points)}"
        return el(
            "svg",
            *self._grid(high, points),
            el("polyline", points=course, class_="course") if len(spots) > 1 else None,
            *(self._spot(x, y, point) for x, y, point in spots),
            viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
            role="img",
            aria_label=label,
        )

    def _grid(self, high: float, points: Sequence[Point]) -> Iterator[Html]:
        for number in range(_LINES + 1):
            y = _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * number / _LINES
            yield el("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=y, y2=y, class_="grid")
            text = axis_text(self._metric, high * number / _LINES)
            yield el("text", text, x=_LEFT - 8, y=y + 4, text_anchor="end")
        yield el("text", _when(points[0]), x=_LEFT, y=_HEIGHT - 8)
        if len(points) > 1:
            yield el("text", _when(points[-1]), x=_WIDTH - _RIGHT, y=_HEIGHT - 8, text_anchor="end")

    def _spot(self, x: float, y: float, point: Point) -> Html:
        title = el("title", f"{point.run}: {value_text(self._metric, point.value)}, {point.outcome}")
        dot = el("circle", title, cx=f"{x:.1f}", cy=f"{y:.1f}", r=4, class_=point.outcome)
        if not point.censored:
            return dot
        cross = f"M{x - 4:.1f} {y - 14:.1f}l8 8m0 -8l-8 8"
        return el("g", dot, el("path", d=cross, class_="cross"))

    def _table(self, points: Sequence[Point]) -> Html:
        shown = points[-_ROWS_MOST:][::-1]
        heads = ("run", "started", "code", "experiments", metric_title(self._metric), "never", "outcome", "verdict")
        rows = [
            el(
                "tr",
                el("td", point.run),
                el("td", _when(point)),
                el("td", revision_text(point)),
                el("td", str(point.experiments)),
                el("td", value_text(self._metric, point.value)),
                el("td", str(point.censored or "")),
                el("td", el("b", point.outcome, class_=point.outcome)),
                el("td", point.verdict),
            )
            for point in shown
        ]
        head = el("thead", el("tr", *(el("th", name, scope="col") for name in heads)))
        table = el("div", el("table", head, el("tbody", *rows)), class_="wide")
        return el("details", el("summary", f"{len(shown)} of {len(points)} runs, newest first"), table)


def _across(points: Sequence[Point]) -> list[float]:
    """Where each run stands: by its time, or by its number if a time is unknown."""
    times: list[datetime] = [point.started for point in points if point.started is not None]
    width = _WIDTH - _LEFT - _RIGHT
    if len(times) < len(points) or len(times) < 2 or times[0] == times[-1]:
        return [_LEFT + width * (number + 0.5) / len(points) for number in range(len(points))]
    whole = (times[-1] - times[0]).total_seconds()
    return [_LEFT + 6 + (width - 12) * (time - times[0]).total_seconds() / whole for time in times]


def _when(point: Point) -> str:
    return "" if point.started is None else when_text(point.started)
