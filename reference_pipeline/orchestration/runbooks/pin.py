"""A service whose new image doesn't work goes back to the image before it."""

from __future__ import annotations

from reference_pipeline.orchestration.runbook import Incident, Runbook, Toolbox

#: How long a pinned image is given before it is pinned again, in seconds.
GRACE_S = 6 * 3600


class Pin(Runbook):
    """Answers ``LibraryChanged``, ``ReleaseRejected``, and ``TrainingFailed`` of which a dependency is the cause."""

    def __init__(self, tools: Toolbox, respond_s: float = 0.0) -> None:
        super().__init__(tools, respond_s)
        self._pinned_at: dict[str, float] = {}

    async def consider(self, incident: Incident) -> None:
        """Pins the image of each service that an alert names; a training that failed is tried again."""
        now = self.tools.clock.now()
        for labels, _ in self.due(incident, "LibraryChanged", "ReleaseRejected", "TrainingFailed"):
            service = labels["component"]
            if labels["alertname"] == "TrainingFailed" and labels.get("cause") != "dependency":
                continue
            lately = now - self._pinned_at.get(service, float("-inf")) < GRACE_S
            if self.tools.images is not None and not lately:
                self._pinned_at[service] = now
                self.actions += 1
                await self.tools.images.pin(service)
                if service == "training":
                    self.tools.retrain()
