"""A model that turns out bad soon after its release is taken back."""

from __future__ import annotations

from reference_pipeline.orchestration.runbook import Incident, Runbook

#: How long after a promotion a quality alert is blamed on it, in seconds.
SUSPECT_S = 24 * 3600
#: The alerts that a model can be to blame for.
BLAMED = ("PredictionDrift", "ModelQuality", "SegmentBias")


class Rollback(Runbook):
    """Answers alerts about predictions, unless the data is known to be at fault."""

    _for: float | None = None

    async def consider(self, incident: Incident) -> None:
        """Rolls production back to the model before it, once a promotion."""
        promoted_at = self.tools.promoted_at()
        blamed = self.due(incident, *BLAMED)
        excused = incident.named("DataContract", "SourceStale", "FeatureDrift", "FeatureMissing", "FeaturesStale")
        if promoted_at is None or promoted_at == self._for or not blamed or excused:
            return
        if min(since for _, since in blamed) < promoted_at or self.tools.clock.now() - promoted_at > SUSPECT_S:
            return
        await self.tools.services["registry"].post("/rollback")
        self._for = promoted_at
        self.actions += 1
        await self.tools.services["serving"].post("/reload")
