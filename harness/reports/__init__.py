"""Reports, one format a module: each a pure function of a scorecard.

`terminal.render`, `markdown.render` and `html.render`; the JSON form is the scorecard's own `to_json`.
"""

from __future__ import annotations

from harness.reports.narrative import Rerun

__all__ = ["Rerun"]
