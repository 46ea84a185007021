"""When a feed is well again, what was missed or quarantined is read once more."""

from __future__ import annotations

from reference_pipeline.orchestration.runbook import Incident, Runbook


class Backfill(Runbook):
    """Answers the *end* of ``DataContract`` and ``SourceStale`` of a feed."""

    _ill: tuple[tuple[str, float], ...] = ()

    async def consider(self, incident: Incident) -> None:
        """Asks ingestion to read a recovered feed again from shortly before its trouble began."""
        ill: dict[str, float] = {}
        for labels, since in incident.named("DataContract", "SourceStale"):
            feed = labels["feed"]
            ill[feed] = min(since, ill.get(feed, since))
        before = dict(self._ill)
        for feed in before:
            if feed not in ill:
                await self.tools.services["ingestion"].post(f"/backfill?feed={feed}")
                self.actions += 1
        self._ill = tuple((feed, min(since, before.get(feed, since))) for feed, since in ill.items())
