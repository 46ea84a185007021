"""A model that should have been replaced is trained after all; one that the world has left behind, anew."""

from __future__ import annotations

from reference_pipeline.orchestration.runbook import Incident, Runbook, Toolbox
from reference_pipeline.training.gate import CAUSE

#: How long quality must stay bad, the least time between two such retrains, and between tries after a failure,
#: in seconds.
PATIENCE_S = 6 * 3600
PAUSE_S = 24 * 3600
TRY_AGAIN_S = 3600


class Retrain(Runbook):
    """Answers ``TrainingFailed`` and ``JobFailed``, once an hour, and a ``ModelQuality`` that stays.

    The former run again the job that failed, as of its moment, unless what came out of it was rejected. Then, as for
    the latter, what is known by now is trained on; for quality alone not while data is to blame.
    """

    def __init__(self, tools: Toolbox, respond_s: float = 0.0) -> None:
        super().__init__(tools, respond_s)
        self._tried_at = float("-inf")

    async def consider(self, incident: Incident) -> None:
        """Retrains if it is time."""
        now = self.tools.clock.now()
        failed = [since for _, since in self.due(incident, "TrainingFailed", "JobFailed") if now - since >= TRY_AGAIN_S]
        lasting = [since for _, since in self.due(incident, "ModelQuality") if now - since >= PATIENCE_S]
        worth_it = bool(lasting) and not incident.named("DataContract") and now - self._tried_at >= PAUSE_S
        if worth_it or (failed and now - self._tried_at >= TRY_AGAIN_S):
            self._tried_at = now
            self.actions += 1
            rejected = any(labels.get("cause") == CAUSE for labels, _ in incident.named("TrainingFailed"))
            start = self.tools.retrain if worth_it or rejected else self.tools.rerun
            start()
