"""A service that doesn't answer is restarted."""

from __future__ import annotations

from reference_pipeline.orchestration.runbook import Incident, Runbook, Toolbox

#: How long it may stay silent first, and how long a restart is given to help, in seconds: more than it takes to start,
#: to be seen again, and until the alert ends.
PATIENCE_S = 120
GRACE_S = 1800


class Restart(Runbook):
    """Answers ``ServiceDown``."""

    def __init__(self, tools: Toolbox, respond_s: float = 0.0) -> None:
        super().__init__(tools, max(respond_s, PATIENCE_S))
        self._restarted_at: dict[str, float] = {}

    async def consider(self, incident: Incident) -> None:
        """Restarts each service that has been down for long enough."""
        now = self.tools.clock.now()
        for labels, _ in self.due(incident, "ServiceDown"):
            service = labels["component"]
            lately = now - self._restarted_at.get(service, float("-inf")) < GRACE_S
            if self.tools.platform is not None and not lately:
                self._restarted_at[service] = now
                self.actions += 1
                await self.tools.platform.restart(service)
