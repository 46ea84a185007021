"""Judging: from a journal to a scorecard. Pure functions; nothing here knows a profile, a target or a clock.

`evidence` reads the journal; `signals` give each request a loss; `degradation` compares treatment and
control; `detection` and `recovery` find the times; `effects` and `experiment` judge faults and scenarios;
`metrics` and `tiers` add them up.
"""

from __future__ import annotations

from harness.scoring.cost import Rates
from harness.scoring.evidence import MalformedJournal
from harness.scoring.judge import score
from harness.scoring.policy import Policy
from harness.scoring.scorecard import Scorecard, UnreadableScorecard

__all__ = ["MalformedJournal", "Policy", "Rates", "Scorecard", "UnreadableScorecard", "score"]
