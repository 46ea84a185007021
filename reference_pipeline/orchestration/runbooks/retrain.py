"""A model that the world has left behind is trained again."""

from __future__ import annotations

from reference_pipeline.orchestration.runbook import Incident, Runbook

#: How long quality must stay bad, and the least time between two such retrains, in seconds.
PATIENCE_S = 6 * 3600
PAUSE_S = 24 * 3600


class Retrain(Runbook):
    """Answers a ``ModelQuality`` that stays and for which no data is to blame."""

    _trained_at: float = float("-inf")

    async def consider(self, incident: Incident) -> None:
        """Retrains, at most once a day."""
        now = self.tools.clock.now()
        lasting = [since for _, since in incident.named("ModelQuality") if now - since >= PATIENCE_S]
        if lasting and not incident.named("DataContract") and now - self._trained_at > PAUSE_S:
            self._trained_at = now
            self.actions += 1
            await self.tools.retrain()
