"""``pipequake doctor``: what this host can do, per backend and per fault, and how to mend what it can't."""

from __future__ import annotations

from harness.doctor.checks import Finding, examine
from harness.doctor.report import Report, report

__all__ = ["Finding", "Report", "examine", "report"]
