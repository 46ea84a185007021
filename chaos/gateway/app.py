"""The feed gateway as an ASGI application: the feeds' own API, with the rules in between."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qs, quote, unquote

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from chaos.errors import PayloadError
from chaos.gateway.batch import BatchRef
from chaos.gateway.control import create_control
from chaos.gateway.remake import Material, Served
from chaos.gateway.rulebook import Kept, OnTouched, RuleBook
from chaos.gateway.upstream import Fetched, Fetcher
from chaos.registry import Registry, registry

__all__ = ["Gateway", "create_control", "create_gateway"]

Clock: TypeAlias = Callable[[], float]

#: Manifests of a feed that are remembered, the oldest forgotten first.
_HISTORY_MAX = 20_000
#: Bytes of old payloads that are held for batches which have them under a new name.
_PINNED_BYTES = 64 * 1024 * 1024

#: The source no longer has a batch: consumers see its manifest as the source wrote it.
_LOST = (404, 410)

_MEDIA_TYPES = {"csv": "text/csv", "json": "application/json", "parquet": "application/vnd.apache.parquet"}


class _Refused(Exception):
    """The answer to a request that cannot be served."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Gateway:
    """The feeds' API, the same as a source's, with the rules in between.

    ``GET /<feed>/batches?after=<sequence>`` and ``GET /<feed>/batches/<batch_id>``. A feed without rules passes as
    bytes, unread. A source that fails is answered for with 502, one that is silent with 504.
    """

    def __init__(
        self,
        upstreams: Mapping[str, str],
        fetch: Fetcher,
        rules: RuleBook,
        clock: Clock,
        lease_clock: Clock,
    ) -> None:
        self.rules = rules
        self._bases = {feed: f"{base.rstrip('/')}/{quote(feed)}/batches" for feed, base in upstreams.items()}
        self._fetch = fetch
        self._clock = clock
        self._lease_clock = lease_clock
        self._histories: dict[str, dict[str, BatchRef]] = {feed: {} for feed in upstreams}
        self._pinned = Kept[tuple[str, str], Fetched](_PINNED_BYTES, lambda fetched: len(fetched.body))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the gateway serves HTTP only, got {scope['type']!r}")
        try:
            response = await self._answer(scope)
        except _Refused as refused:
            response = JSONResponse({"error": str(refused)}, refused.status)
        await response(scope, receive, send)

    def lapse(self) -> float:
        """Drop the rules of leases that ran out; gives the time on the leases' clock."""
        now = self._lease_clock()
        self.rules.lapse(now)
        return now

    async def _answer(self, scope: Scope) -> Response:
        self.lapse()
        path: str = scope["path"]
        if path == "/health":
            return JSONResponse({"ok": True})
        parts = path.strip("/").split("/")
        if len(parts) not in (2, 3) or parts[1] != "batches":
            raise _Refused(404, f"no such resource: {path}; expected /<feed>/batches or /<feed>/batches/<batch_id>")
        if scope["method"] not in ("GET", "HEAD"):
            raise _Refused(405, f"{scope['method']} is not allowed here; expected GET")
        feed = parts[0]
        if feed not in self._bases:
            raise _Refused(404, f"unknown feed {feed!r}; feeds: {', '.join(self._bases)}")
        query = scope["query_string"].decode("latin-1")
        if not self.rules.active(feed):
            tail = f"/{quote(parts[2], safe='')}" if len(parts) == 3 else ""
            return _forward(await self._get(feed, tail + (f"?{query}" if query else "")))
        if len(parts) == 2:
            return await self._list(feed, query)
        return await self._payload(feed, unquote(parts[2]))

    async def _list(self, feed: str, query: str) -> Response:
        asked = parse_qs(query)
        after, limit = _whole(asked, "after"), _whole(asked, "limit")
        await self._refresh(feed)
        refs = self.rules.listing(feed, self._known(feed), after=after, now=self._clock())
        if limit is not None and len(refs) > (size := max(limit, 1)):
            # Batches of one sequence stay together: a consumer asks on from there and would miss the second one.
            refs = [ref for place, ref in enumerate(refs) if place < size or ref.sequence == refs[size - 1].sequence]
        return JSONResponse([await self._manifest(feed, ref) for ref in refs])

    async def _manifest(self, feed: str, ref: BatchRef) -> dict[str, Any]:
        made = await self._make(feed, ref)
        if isinstance(made, Fetched) and made.status not in _LOST:
            # The manifest cannot be written yet; a wrong one would make the batch look damaged.
            raise _Refused(502, f"feed {feed!r}: the source answered {made.status} for batch {ref.batch_id!r}")
        return made.ref.to_json() if isinstance(made, Served) else ref.to_json()

    async def _payload(self, feed: str, batch_id: str) -> Response:
        if batch_id not in self._histories[feed]:
            await self._refresh(feed)
        refs = self.rules.listing(feed, self._known(feed), after=None, now=self._clock(), evidence=False)
        ref = next((ref for ref in refs if ref.batch_id == batch_id), None)
        if ref is None:
            raise _Refused(404, f"feed {feed!r} has no batch {batch_id!r}")
        made = await self._make(feed, ref)
        if made is None:
            return _forward(await self._source_payload(feed, ref))
        if isinstance(made, Fetched):
            return _forward(made)
        self.rules.delivered(made)
        return Response(made.payload, media_type=_MEDIA_TYPES.get(ref.format, "application/octet-stream"))

    async def _make(self, feed: str, ref: BatchRef) -> Served | Fetched | None:
        """The batch with the rules applied; the source's answer if they cannot be; None if they leave it alone."""
        if not self.rules.touches_payloads(feed, ref):
            return None
        known = self.rules.cached(feed, ref)
        if known is not None:
            return known
        fetched = await self._source_payload(feed, ref)
        if fetched.status != 200:
            return fetched
        others: dict[str, list[Material]] = {}
        for rule_id, wanted in self.rules.gather(feed, ref, self._known(feed)).items():
            others[rule_id] = []
            for other in wanted:
                more = await self._source_payload(feed, other)
                if more.status == 200:
                    others[rule_id].append(Material(other, more.body))
                elif more.status not in _LOST:
                    return more
        return self.rules.serve(feed, ref, fetched.body, others)

    async def _source_payload(self, feed: str, ref: BatchRef) -> Fetched:
        if ref.source_id is None:
            return await self._get(feed, f"/{quote(ref.batch_id, safe='')}")
        # Old data under a new name: kept, as the source may forget the batch while the fault still lasts.
        key = (feed, ref.source_id)
        kept = self._pinned.get(key)
        if kept is None:
            kept = await self._get(feed, f"/{quote(ref.source_id, safe='')}")
            if kept.status == 200:
                self._pinned.put(key, kept)
        return kept

    def _known(self, feed: str) -> list[BatchRef]:
        return list(self._histories[feed].values())

    async def _refresh(self, feed: str) -> None:
        """Learn what the source has listed since the last time; it may answer in pages."""
        known = self._histories[feed]
        while True:
            last = max((ref.sequence for ref in known.values()), default=None)
            fetched = await self._get(feed, "" if last is None else f"?after={last}")
            if fetched.status != 200:
                raise _Refused(502, f"feed {feed!r}: the source answered {fetched.status} to a listing")
            page = _manifests(feed, fetched.body)
            news = {ref.batch_id: ref for ref in page if ref.batch_id not in known}
            known.update(news)
            for oldest in list(known)[: max(len(known) - _HISTORY_MAX, 0)]:
                del known[oldest]
            if not news:
                return

    async def _get(self, feed: str, tail: str) -> Fetched:
        try:
            return await self._fetch(self._bases[feed] + tail)
        except TimeoutError as error:
            raise _Refused(504, f"feed {feed!r}: the source did not answer: {str(error) or 'timed out'}") from None
        except OSError as error:
            raise _Refused(502, f"feed {feed!r}: the source cannot be reached: {error}") from None


def _whole(asked: Mapping[str, list[str]], name: str) -> int | None:
    text = next(iter(asked.get(name, ())), None)
    try:
        return None if text is None else int(text)
    except ValueError:
        raise _Refused(400, f"expected {name} to be a whole number, got {text!r}") from None


def _manifests(feed: str, body: bytes) -> list[BatchRef]:
    try:
        return [BatchRef.from_json(raw) for raw in json.loads(body)]
    except (ValueError, TypeError, AttributeError, PayloadError) as error:
        raise _Refused(502, f"feed {feed!r}: the source's listing cannot be read: {error}") from None


def _forward(fetched: Fetched) -> Response:
    headers = {"content-type": fetched.content_type} if fetched.content_type else None
    return Response(fetched.body, fetched.status, headers)


def create_gateway(
    upstreams: Mapping[str, str],
    fetch: Fetcher,
    clock: Clock,
    *,
    lease_clock: Clock | None = None,
    on_touched: OnTouched | None = None,
    faults: Registry = registry,
) -> Gateway:
    """The gateway for {feed: base URL of its source}.

    ``clock`` gives epoch seconds, as ``produced_at`` does; ``lease_clock`` the seconds by which leases run out
    (where ``clock`` may be set back or runs faster than real time, give a monotonic one).
    """
    rules = RuleBook(list(upstreams), faults=faults, on_touched=on_touched)
    return Gateway(upstreams, fetch, rules, clock, lease_clock or clock)
