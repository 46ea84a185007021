"""Features that are known to be wrong are not served from: the model does without them, as it was trained to."""

from __future__ import annotations

from reference_pipeline.orchestration.runbook import Incident, Runbook, Toolbox

#: How long a view stays out after its alert was last seen, in seconds: while it is out, nothing can be seen of it.
PROBATION_S = 2 * 3600


class Fallback(Runbook):
    """Answers ``FeatureDrift``; takes the view back in when its time is over, and out again if nothing has changed.

    What ingestion finds needs no answer here: it keeps wrong columns out by itself.
    """

    def __init__(self, tools: Toolbox, respond_s: float = 0.0) -> None:
        super().__init__(tools, respond_s)
        self._until: dict[str, float] = {}
        self._told: list[str] = []

    async def consider(self, incident: Incident) -> None:
        """Tells serving which views to distrust, when that changes."""
        now = self.tools.clock.now()
        for labels, _ in self.due(incident, "FeatureDrift"):
            self._until[labels["view"]] = now + PROBATION_S
        wanted = sorted(view for view, until in self._until.items() if until > now)
        restarted = any(labels["component"] == "serving" for labels, _ in incident.named("ServiceRestarted"))
        if wanted != self._told or (wanted and restarted):  # a new process of serving knows nothing of it
            await self.tools.services["serving"].post("/suspect", {"views": wanted})
        self.actions += wanted != self._told
        self._told = wanted
