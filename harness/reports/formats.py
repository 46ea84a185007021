"""One report in any of its forms, by the form's name."""

from __future__ import annotations

from dataclasses import dataclass

from harness.reports import html, junit, markdown, openmetrics
from harness.reports.narrative import Rerun
from harness.reports.traces import TraceReader
from harness.scoring.scorecard import Scorecard

__all__ = ["Report"]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that any form shows. The same report gives the same bytes."""

    scorecard: Scorecard
    rerun: Rerun
    traces: TraceReader
    started: str
    unrun: str = ""
    """How much of the plan never started, in a sentence; empty if all of it did."""

    def text(self, form: str) -> str:
        """The report as json, html, markdown, junit or openmetrics; raises `KeyError` for any other form."""
        card, rerun, started = self.scorecard, self.rerun, self.started
        if form == "json":
            return card.to_json()
        if form == "html":
            return html.render(card, rerun=rerun, traces=self.traces, started=started, unrun=self.unrun)
        if form == "markdown":
            return markdown.render(card, rerun=rerun, unrun=self.unrun)
        if form == "junit":
            return junit.render(card, rerun=rerun, started=started)
        if form == "openmetrics":
            return openmetrics.render(card)
        raise KeyError(form)
