"""The numbers behind the interactive plots, as JSON inside of the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from harness.reports.html.curves import Curve, Values
from harness.reports.html.markup import Html
from harness.reports.html.timeline import moments
from harness.reports.narrative import harmless
from harness.scoring.findings import ExperimentFinding

__all__ = ["PlotData", "data_block"]


class PlotData:
    """Collects the plots of a page. Equal series, as those of a control that many experiments share, are kept once."""

    def __init__(self) -> None:
        self._plots: list[dict[str, Any]] = []
        self._series: dict[tuple[float | None, ...], int] = {}

    def add(self, experiment: ExperimentFinding, curves: Sequence[Curve]) -> int:
        """Adds the plots of an experiment; their number in the page."""
        assert experiment.timeline is not None
        plot = {
            "scenario": harmless(experiment.scenario),
            "profile": harmless(experiment.profile),
            "end": experiment.timeline.t_to - experiment.timeline.t_from,
            "marks": moments(experiment, experiment.timeline),
            "curves": [self._curve(curve) for curve in curves],
        }
        self._plots.append(plot)
        return len(self._plots) - 1

    def _curve(self, curve: Curve) -> list[Any]:
        series = [self._number(v) for v in (curve.control, curve.treatment, curve.treatment_max) if len(v)]
        return [curve.name, curve.title, curve.note, curve.unit, int(curve.log), curve.step_s, series]

    def _number(self, values: Values) -> int:
        return self._series.setdefault(tuple(values), len(self._series))

    def content(self) -> Mapping[str, Any]:
        """What the page's script reads."""
        return {"series": [_packed(values) for values in self._series], "plots": self._plots}


def _packed(values: Values) -> list[Any]:
    """The values one after another, a run of equal ones as ``[value, how often]``; whole numbers without a point."""
    packed: list[Any] = []
    last: list[Any] = []
    for value in values:
        whole = int(value) if value is not None and value.is_integer() else value
        if last and last[0] == whole and (last[0] is None) is (whole is None):
            last[1] += 1
        else:
            last = [whole, 1]
            packed.append(last)
    return [value if count == 1 else [value, count] for value, count in packed]


def data_block(content: Mapping[str, Any]) -> Html:
    """JSON that can't end its element, open a comment or break a line, whatever texts it holds.

    >>> data_block({"name": "</script><!-- \\u2028"})
    '<script type="application/json" id="plot-data">{"name":"\\\\u003c/script\\\\u003e\\\\u003c!-- \\\\u2028"}</script>'
    """
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"), sort_keys=True)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Html(f'<script type="application/json" id="plot-data">{text}</script>')
