"""A second provider of every feed, slower than the first: what a failover of a source goes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from reference_pipeline.clock import Clock
from reference_pipeline.data import Prepared
from reference_pipeline.sources.app import create_source
from reference_pipeline.sources.feeds import FEEDS, Feed

#: How much later than the first provider it publishes a batch, in seconds.
BEHIND_S = 240


def create_mirror(
    prepared: Prepared, clock: Clock, feeds: Mapping[str, Feed] = FEEDS, *, history_s: float, seed: int = 0
) -> Starlette:
    """``/<feed>/batches`` of each feed, as the providers have it, under the same batch ids, and ``/health``."""

    async def health(_: Request) -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    mounts = [
        Mount(
            f"/{name}",
            create_source(
                replace(feed, lag_s=feed.lag_s + BEHIND_S),
                prepared,
                clock,
                history_s=max(history_s, 1.1 * feed.period_s),
                seed=seed + 1,
            ),
        )
        for name, feed in feeds.items()
    ]
    return Starlette(routes=[Route("/health", health), *mounts])
