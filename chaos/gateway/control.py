"""The control API of the feed gateway: rules, their evidence, and leases. Only for whoever knows its name."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from chaos.gateway.rules import InvalidRule

if TYPE_CHECKING:
    from chaos.gateway.app import Gateway

Clock: TypeAlias = Callable[[], float]

#: Names of the own machine, and the gateway's name in the deployments that come with Pipequake.
_HOSTS = ("localhost", "127.0.0.1", "::1", "gateway")
#: A rule is small; nothing longer is read.
_BODY_MAX = 1024 * 1024
#: A lease must outlive a hiccup, and a dead holder must not go unnoticed for ever.
_TTL_MIN_S, _TTL_MAX_S = 0.1, 86_400.0


class _HostCheck:
    """Refuses requests that a web page may have made a browser send: a strange Host, or a strange Origin."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (problem := self._problem(scope)) is not None:
            await _error(403, problem)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _problem(self, scope: Scope) -> str | None:
        headers = [(name, value.decode("latin-1")) for name, value in scope["headers"]]
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or _hostname(f"//{hosts[0]}") not in self._hosts:
            known = ", ".join(sorted(self._hosts))
            got = repr(", ".join(hosts)) if hosts else "none"
            return f"expected a Host header with one of {known}, got {got}"
        origins = [value for name, value in headers if name == b"origin"]
        if any(_hostname(origin) not in self._hosts for origin in origins):
            return f"requests from the web page {origins[0]!r} are refused"
        return None


def _hostname(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for what is no port
    except ValueError:
        return None
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return parts.hostname


class _Refused(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


async def _json_body(request: Request) -> Any:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_MAX:
            raise _Refused(413, f"the body is over {_BODY_MAX} bytes")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _Refused(400, f"the body is not JSON: {error}") from None


class _Control:
    """The handlers."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._rules = gateway.rules
        self._clock = clock

    async def install(self, request: Request) -> Response:
        self._gateway.lapse()
        rule_id = request.path_params["rule_id"]
        body = await _json_body(request)
        if not isinstance(body, dict):
            return _error(400, f"expected a rule as a JSON object, got {body!r}")
        if body.setdefault("rule_id", rule_id) != rule_id:
            return _error(400, f"the body's rule_id {body['rule_id']!r} is not the address's {rule_id!r}")
        try:
            return JSONResponse(self._rules.install(body, self._clock()).to_json())
        except InvalidRule as error:
            return _error(error.status, str(error))

    async def uninstall(self, request: Request) -> Response:
        self._rules.uninstall(request.path_params["rule_id"])
        return Response(status_code=204)  # also if it never was: deleting is idempotent

    async def listing(self, _: Request) -> Response:
        self._gateway.lapse()
        return JSONResponse([rule.to_json() for rule in self._rules.rules()])

    async def evidence(self, request: Request) -> Response:
        rule_id = request.path_params["rule_id"]
        tally = self._rules.tally(rule_id)
        return JSONResponse(tally.to_json()) if tally else _error(404, f"there never was a rule {rule_id!r}")

    async def lease(self, request: Request) -> Response:
        body = await _json_body(request)
        lease_id, ttl_s = _lease_of(body)
        now = self._gateway.lapse()
        return JSONResponse(self._rules.renew_lease(lease_id, ttl_s, now).to_json(now))

    async def leases(self, _: Request) -> Response:
        now = self._gateway.lapse()
        return JSONResponse([lease.to_json(now) for lease in self._rules.leases()])

    async def end_lease(self, request: Request) -> Response:
        self._rules.end_lease(request.path_params["lease_id"])
        return Response(status_code=204)

    async def health(self, _: Request) -> Response:
        return JSONResponse({"ok": True})


def _lease_of(body: Any) -> tuple[str, float]:
    if not isinstance(body, dict) or set(body) != {"lease_id", "ttl_s"}:
        raise _Refused(400, f'expected {{"lease_id": name, "ttl_s": seconds}}, got {json.dumps(body)[:200]}')
    lease_id, ttl_s = body["lease_id"], body["ttl_s"]
    if not isinstance(lease_id, str) or not lease_id:
        raise _Refused(400, f"expected lease_id to be a name, got {lease_id!r}")
    number = isinstance(ttl_s, int | float) and not isinstance(ttl_s, bool)
    if not number or not _TTL_MIN_S <= ttl_s <= _TTL_MAX_S:
        raise _Refused(400, f"expected ttl_s from {_TTL_MIN_S:g} to {_TTL_MAX_S:g} seconds, got {ttl_s!r}")
    return lease_id, float(ttl_s)


def create_control(gateway: Gateway, clock: Clock, *, hosts: Sequence[str] = ()) -> ASGIApp:
    """The control API. It answers to loopback names, to ``gateway``, and to the further ``hosts``.

    ``PUT`` and ``DELETE /rules/<rule_id>``, ``GET /rules``, ``GET /rules/<rule_id>/evidence``; ``PUT /lease`` with
    ``{"lease_id", "ttl_s"}`` takes or renews a lease, ``DELETE /lease/<lease_id>`` gives it up, ``GET /lease`` lists
    them. A rule with a ``lease`` goes out of force with it.
    """
    control = _Control(gateway, clock)

    async def refused(_: Request, error: Exception) -> Response:
        return _error(getattr(error, "status", 400), str(error))

    app = Starlette(
        routes=[
            Route("/rules", control.listing),
            Route("/rules/{rule_id}", control.install, methods=["PUT"]),
            Route("/rules/{rule_id}", control.uninstall, methods=["DELETE"]),
            Route("/rules/{rule_id}/evidence", control.evidence),
            Route("/lease", control.leases),
            Route("/lease", control.lease, methods=["PUT"]),
            Route("/lease/{lease_id}", control.end_lease, methods=["DELETE"]),
            Route("/health", control.health),
        ],
        exception_handlers={_Refused: refused},
    )
    return _HostCheck(app, (*_HOSTS, *hosts))


def _error(status: int, reason: str) -> JSONResponse:
    return JSONResponse({"error": reason}, status)
