"""When a feed is well again, what was missed or quarantined is read once more."""

from __future__ import annotations

from reference_pipeline.orchestration.runbook import Incident, Runbook, Toolbox


class Backfill(Runbook):
    """Answers the *end* of ``DataContract`` and ``SourceStale`` of a feed."""

    def __init__(self, tools: Toolbox, respond_s: float = 0.0) -> None:
        super().__init__(tools, respond_s)
        self._ill: set[str] = set()
        self._well_since: dict[str, float] = {}

    async def consider(self, incident: Incident) -> None:
        """Asks ingestion to read a recovered feed again, from where its trouble began."""
        now = self.tools.clock.now()
        ill = {labels["feed"] for labels, _ in incident.named("DataContract", "SourceStale")}
        for feed in sorted(self._ill - ill):
            self._well_since.setdefault(feed, now)
        self._ill = ill
        for feed, since in list(self._well_since.items()):
            if feed in ill:
                del self._well_since[feed]
            elif now - since >= self.respond_s:
                await self.tools.services["ingestion"].post(f"/backfill?feed={feed}")
                del self._well_since[feed]
                self.actions += 1
