"""The feed gateway as ASGI applications: the feeds' own API, and the control API that installs rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qs, quote, unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from chaos.errors import PayloadError
from chaos.gateway.batch import BatchRef
from chaos.gateway.rules import InvalidRule, OnTouched, RuleBook, Served
from chaos.gateway.upstream import Fetched, Fetcher
from chaos.registry import Registry, registry

Clock: TypeAlias = Callable[[], float]

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

    def __init__(self, upstreams: Mapping[str, str], fetch: Fetcher, rules: RuleBook, clock: Clock) -> None:
        self.rules = rules
        self._bases = {feed: f"{base.rstrip('/')}/{quote(feed)}/batches" for feed, base in upstreams.items()}
        self._fetch = fetch
        self._clock = clock
        self._histories: dict[str, dict[str, BatchRef]] = {feed: {} for feed in upstreams}
        self._pinned: dict[tuple[str, str], Fetched] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the gateway serves HTTP only, got {scope['type']!r}")
        try:
            response = await self._answer(scope)
        except _Refused as refused:
            response = JSONResponse({"error": str(refused)}, refused.status)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response:
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
        page = refs if limit is None else refs[: max(limit, 1)]
        return JSONResponse([await self._manifest(feed, ref) for ref in page])

    async def _manifest(self, feed: str, ref: BatchRef) -> dict[str, Any]:
        made = await self._make(feed, ref)
        # A source that has lost the batch, or one that is unreadable: consumers see what the source says of it.
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
        try:
            return self.rules.serve(feed, ref, fetched.body)
        except PayloadError:
            return fetched

    async def _source_payload(self, feed: str, ref: BatchRef) -> Fetched:
        if ref.source_id is None:
            return await self._get(feed, f"/{quote(ref.batch_id, safe='')}")
        # Old data under a new name: kept, as the source may forget the batch while the fault still lasts.
        kept = self._pinned.get((feed, ref.source_id))
        if kept is None:
            kept = await self._get(feed, f"/{quote(ref.source_id, safe='')}")
            if kept.status == 200:
                self._pinned[feed, ref.source_id] = kept
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
            if not news:
                return

    async def _get(self, feed: str, tail: str) -> Fetched:
        try:
            return await self._fetch(self._bases[feed] + tail)
        except TimeoutError as error:
            raise _Refused(504, f"feed {feed!r}: the source did not answer: {error or 'timed out'}") from None
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
    on_touched: OnTouched | None = None,
    faults: Registry = registry,
) -> Gateway:
    """The gateway for {feed: base URL of its source}. ``clock`` gives epoch seconds, as ``produced_at`` does."""
    return Gateway(upstreams, fetch, RuleBook(list(upstreams), faults=faults, on_touched=on_touched), clock)


def create_control(gateway: Gateway, clock: Clock) -> Starlette:
    """The control API: install, remove and list rules, and read their evidence."""
    rules = gateway.rules

    async def install(request: Request) -> Response:
        rule_id = request.path_params["rule_id"]
        try:
            body = json.loads(await request.body())
        except ValueError as error:
            return _error(400, f"the body is not JSON: {error}")
        if not isinstance(body, dict):
            return _error(400, f"expected a rule as a JSON object, got {body!r}")
        if body.setdefault("rule_id", rule_id) != rule_id:
            return _error(400, f"the body's rule_id {body['rule_id']!r} is not the address's {rule_id!r}")
        try:
            return JSONResponse(rules.install(body, clock()).to_json())
        except InvalidRule as error:
            return _error(error.status, str(error))

    async def uninstall(request: Request) -> Response:
        rules.uninstall(request.path_params["rule_id"])
        return Response(status_code=204)  # also if it never was: deleting is idempotent

    async def listing(_: Request) -> Response:
        return JSONResponse([rule.to_json() for rule in rules.rules()])

    async def evidence(request: Request) -> Response:
        rule_id = request.path_params["rule_id"]
        tally = rules.tally(rule_id)
        return JSONResponse(tally.to_json()) if tally else _error(404, f"there never was a rule {rule_id!r}")

    async def health(_: Request) -> Response:
        return JSONResponse({"ok": True})

    return Starlette(
        routes=[
            Route("/rules", listing),
            Route("/rules/{rule_id}", install, methods=["PUT"]),
            Route("/rules/{rule_id}", uninstall, methods=["DELETE"]),
            Route("/rules/{rule_id}/evidence", evidence),
            Route("/health", health),
        ]
    )


def _error(status: int, reason: str) -> JSONResponse:
    return JSONResponse({"error": reason}, status)
