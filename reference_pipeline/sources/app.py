"""A provider's HTTP service."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from reference_pipeline.clock import Clock
from reference_pipeline.data import Prepared
from reference_pipeline.sources.encode import encode
from reference_pipeline.sources.feeds import FEEDS, Feed, rows_of
from reference_pipeline.sources.schedule import Schedule

#: Encoded batches that a source keeps: a week of flights.
KEPT_BATCHES = 672
#: Manifests in one answer, unless the client asks for fewer.
LIMIT_MAX = 200
EMPTY = b"[]"


@dataclass(frozen=True, slots=True)
class Published:
    """A batch as it is served: its payload and its manifest as JSON."""

    payload: bytes
    manifest: bytes


class Source:
    """One provider. It publishes the batches of the last ``history_s`` seconds."""

    def __init__(self, feed: Feed, prepared: Prepared, clock: Clock, *, history_s: float, seed: int = 0) -> None:
        self.feed = feed
        self.schedule = Schedule(feed, seed)
        self._prepared = prepared
        self._clock = clock
        self._history_s = history_s
        self._published: OrderedDict[int, Published] = OrderedDict()
        self._register: bytes | None = None
        self.lists = 0
        self.downloads = 0

    def visible(self) -> range:
        """The sequences that can be had now."""
        now = self._clock.now()
        start, end = self._prepared.span
        first = self.schedule.newest(max(now - self._history_s, start)) + 1
        # Events end some hours after the last scheduled departure; a day later nothing is left to tell.
        last = self.schedule.newest(min(now, end + 86400))
        return range(max(first, 0), last + 1)

    def manifests(self, after: int | None, limit: int) -> bytes:
        """A JSON array of the manifests after a sequence, oldest first; ``[]`` costs almost nothing."""
        self.lists += 1
        visible = self.visible()
        first = visible.start if after is None else max(visible.start, after + 1)
        wanted = range(first, min(visible.stop, first + limit))
        if not wanted:
            return EMPTY
        return b"[" + b",".join(self._publish(sequence).manifest for sequence in wanted) + b"]"

    def payload(self, batch_id: str) -> bytes | None:
        """The bytes of a batch; None if there is no such batch (yet, or any more)."""
        sequence = self.schedule.sequence_of(batch_id)
        if sequence is None or sequence not in self.visible():
            return None
        self.downloads += 1
        return self._publish(sequence).payload

    def metrics(self) -> str:
        """Counters in Prometheus' text format."""
        labels = f'{{feed="{self.feed.name}"}}'
        newest = self.visible().stop - 1
        return (
            "# TYPE source_lists_total counter\n"
            f"source_lists_total{labels} {self.lists}\n"
            "# TYPE source_downloads_total counter\n"
            f"source_downloads_total{labels} {self.downloads}\n"
            "# TYPE source_newest_produced_at_seconds gauge\n"
            f"source_newest_produced_at_seconds{labels} {self.schedule.produced_at(newest)}\n"
        )

    def _publish(self, sequence: int) -> Published:
        found = self._published.get(sequence)
        if found is not None:
            return found
        published = self._encode(sequence)
        self._published[sequence] = published
        if len(self._published) > KEPT_BATCHES:
            self._published.popitem(last=False)
        return published

    def _encode(self, sequence: int) -> Published:
        window_start = self.schedule.window_start(sequence)
        rows = rows_of(self.feed, self._prepared, window_start)
        if self.feed.name == "planes":  # the same register every day
            self._register = self._register or encode(self.feed, rows)
            payload = self._register
        else:
            payload = encode(self.feed, rows)
        manifest = {
            "batch_id": self.schedule.batch_id(sequence),
            "feed": self.feed.name,
            "sequence": sequence,
            "window_start": window_start,
            "window_end": window_start + self.feed.period_s,
            "produced_at": self.schedule.produced_at(sequence),
            "rows": len(rows),
            "columns": dict(self.feed.columns),
            "format": self.feed.format,
            "sha256": sha256(payload).hexdigest(),
            "contract_version": self.feed.contract_version,
        }
        return Published(payload, json.dumps(manifest, separators=(",", ":")).encode())


def create_source(
    feed: str | Feed, prepared: Prepared, clock: Clock, *, history_s: float = 86400.0, seed: int = 0
) -> Starlette:
    """The ASGI app of a provider; raises ``KeyError`` for the name of a feed that isn't in `FEEDS`.

    ``GET /batches?after=<sequence>&limit=<n>``, ``GET /batches/<batch_id>``, ``/health``, ``/metrics``. The
    batch routes are also served under ``/<feed>``, the address that a hop in front of several providers has.
    The `Source` is ``app.state.source``.
    """
    published = FEEDS[feed] if isinstance(feed, str) else feed
    name = published.name
    source = Source(published, prepared, clock, history_s=history_s, seed=seed)

    async def batches(request: Request) -> Response:
        try:
            after, limit = _page(request)
        except ValueError as error:
            return PlainTextResponse(f"after and limit are whole numbers: {error}\n", 400)
        return Response(source.manifests(after, limit), media_type="application/json")

    async def batch(request: Request) -> Response:
        batch_id = request.path_params["batch_id"]
        payload = source.payload(batch_id)
        if payload is None:
            return PlainTextResponse(f"{name} has no batch {batch_id!r}\n", 404)
        return Response(payload, media_type=source.feed.media_type)

    async def health(request: Request) -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    async def metrics(request: Request) -> Response:
        return PlainTextResponse(source.metrics(), media_type="text/plain; version=0.0.4")

    app = Starlette(
        routes=[
            Route("/batches", batches),
            Route("/batches/{batch_id}", batch),
            Route(f"/{name}/batches", batches),
            Route(f"/{name}/batches/{{batch_id}}", batch),
            Route("/health", health),
            Route("/metrics", metrics),
        ]
    )
    app.state.source = source
    return app


def _page(request: Request) -> tuple[int | None, int]:
    after = request.query_params.get("after")
    limit = int(request.query_params.get("limit", LIMIT_MAX))
    return None if after is None else int(after), max(1, min(limit, LIMIT_MAX))
