"""A feed whose provider is in trouble is read from another provider."""

from __future__ import annotations

from reference_pipeline.http import ServiceError
from reference_pipeline.orchestration.runbook import Incident, Runbook


class Failover(Runbook):
    """Answers ``DataContract``, ``SourceStale`` and ``SourceUnreachable`` of a feed.

    Ingestion goes back by itself when the first provider is well.
    """

    _told: tuple[tuple[str, float], ...] = ()

    async def consider(self, incident: Incident) -> None:
        """Tells ingestion, once for each time that a feed falls ill."""
        told = dict(self._told)
        ill: dict[str, float] = {}
        for labels, since in self.due(incident, "DataContract", "SourceStale", "SourceUnreachable"):
            feed = labels["feed"]
            ill[feed] = max(since, ill.get(feed, since))
        for feed, since in ill.items():
            if told.get(feed) == since:
                continue
            try:
                await self.tools.services["ingestion"].post(f"/failover?feed={feed}")
                self.actions += 1
            except ServiceError as error:
                if error.status != 409:  # there is no other provider: nothing that another try would change
                    raise
            told[feed] = since
        self._told = tuple((feed, since) for feed, since in told.items() if feed in ill)
