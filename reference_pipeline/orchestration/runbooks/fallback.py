"""Features that are known to be wrong are not served from: the model does without them, as it was trained to."""

from __future__ import annotations

from reference_pipeline.orchestration.runbook import Incident, Runbook

#: The views that are computed from each feed.
VIEWS_OF_FEED = {
    "weather": ["weather"],
    "flights": ["origin", "dest", "carrier", "tail"],
    "planes": ["plane"],
}


class Fallback(Runbook):
    """Answers ``DataContract`` and ``FeatureDrift``; takes the views back in once the alerts resolve."""

    _told: tuple[str, ...] = ()

    async def consider(self, incident: Incident) -> None:
        """Tells serving which views to distrust, when that changes."""
        views: dict[str, None] = {}
        for labels, _ in incident.named("DataContract"):
            views.update(dict.fromkeys(VIEWS_OF_FEED.get(labels.get("feed", ""), [])))
        for labels, _ in incident.named("FeatureDrift"):
            views[labels["view"]] = None
        wanted = tuple(sorted(views))
        if wanted != self._told:
            await self.tools.services["serving"].post("/suspect", {"views": list(wanted)})
            self._told = wanted
            self.actions += 1
