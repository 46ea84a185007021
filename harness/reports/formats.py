"""One report in any of its forms, by the form's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.reports import html, junit, markdown, openmetrics
from harness.reports.narrative import Rerun
from harness.reports.traces import TraceReader
from harness.reports.unrun import Unrun
from harness.scoring.scorecard import Scorecard

__all__ = ["Report"]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that any form shows. The same report gives the same bytes."""

    scorecard: Scorecard
    rerun: Rerun
    traces: TraceReader
    started: str
    unrun: Sequence[Unrun] = ()
    """What was planned and never started."""
    unrun_text: str = ""
    """The same in a sentence; empty if all of it did."""

    def text(self, form: str) -> str:
        """The report as json, html, markdown, junit or openmetrics; raises `KeyError` for any other form."""
        card, rerun, started = self.scorecard, self.rerun, self.started
        if form == "json":
            return card.to_json()
        if form == "html":
            return html.render(card, rerun=rerun, traces=self.traces, started=started, unrun=self.unrun_text)
        if form == "markdown":
            return markdown.render(card, rerun=rerun, unrun=self.unrun_text)
        if form == "junit":
            return junit.render(card, rerun=rerun, started=started, unrun=self.unrun)
        if form == "openmetrics":
            return openmetrics.render(card, self.unrun)
        raise KeyError(form)
