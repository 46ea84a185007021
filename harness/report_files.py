"""The forms in which a run is reported, and the file of each in the run's folder. Imports nothing: help is quick."""

from __future__ import annotations

__all__ = ["ALWAYS", "DEFAULT", "FILES"]

#: By form, in the order in which they are written.
FILES = {
    "json": "scorecard.json",
    "html": "report.html",
    "markdown": "report.md",
    "junit": "junit.xml",
    "openmetrics": "metrics.prom",
}
#: What every run has, because other commands read it, and what a run has where no configuration says otherwise.
ALWAYS = "json"
DEFAULT = ("html", "markdown")
