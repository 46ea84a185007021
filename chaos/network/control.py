"""The control API: Toxiproxy's, with leases and evidence besides. Requests in, answers out; no I/O."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Sequence
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

from chaos.network.board import Board, Refused
from chaos.network.http_server import Request, Response
from chaos.network.toxics import ToxicError

#: The version of Toxiproxy whose API this is.
API_VERSION = "2.12.0"

#: What a method of a route does, given the names in its path and the body.
Action = Callable[[Sequence[str], bytes], Response]


class Control:
    """Answers the requests of clients of Toxiproxy, and of nobody whom a web page sent.

    ``hosts`` are the names under which it may be called besides ``localhost`` and addresses.
    """

    def __init__(self, board: Board, *, hosts: Sequence[str] = ()) -> None:
        self._board = board
        self._hosts = frozenset({"localhost", *(host.lower() for host in hosts)})
        self._routes = _routes(board)

    def __call__(self, request: Request) -> Response:
        """The answer."""
        problem = self._refusal(request)
        if problem is not None:
            return problem
        path = request.target.partition("?")[0]
        names = tuple(unquote(part) for part in path.split("/")[1:])
        for shape, actions in self._routes:
            if len(shape) == len(names) and all(part in ("*", name) for part, name in zip(shape, names, strict=True)):
                action = actions.get(request.method)
                if action is None:
                    return Response(405)
                return self._carry_out(action, request, [n for p, n in zip(shape, names, strict=True) if p == "*"])
        return Response(404, b"404 page not found\n", "text/plain; charset=utf-8")

    def _carry_out(self, action: Action, request: Request, names: Sequence[str]) -> Response:
        try:
            return action(names, request.body)
        except (Refused, ToxicError) as error:
            answer = {"error": str(error), "status": error.status}
            if request.target.startswith("/populate"):
                answer["proxies"] = None
            return Response.json(error.status, answer)

    def _refusal(self, request: Request) -> Response | None:
        """Why a request is not heard: a browser sent it, or was made to."""
        if any(agent.startswith("Mozilla/") for agent in request.values("user-agent")):
            return Response(403, b"User agent not allowed\n", "text/plain; charset=utf-8")
        hosts = request.values("host")
        if len(hosts) != 1 or not self._is_own(f"//{hosts[0]}"):
            known = ", ".join(sorted(self._hosts))
            got = repr(", ".join(hosts)) if hosts else "none"
            return Response.error(403, f"expected a Host header with an IP address or one of {known}; got {got}")
        for origin in request.values("origin"):
            if not self._is_own(origin):
                return Response.error(403, f"requests from the web page {origin!r} are refused")
        return None

    def _is_own(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
            _ = parts.port  # raises for what is no port
        except ValueError:
            return False
        host = parts.hostname
        if host is None or parts.username is not None or parts.path or parts.query or parts.fragment:
            return False
        return host in self._hosts or (parts.scheme == "" and _is_address(host)) or _is_loopback(host)


def _is_address(host: str) -> bool:
    """Whether it is an IP address: no name server can be made to lie about that."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _json(body: bytes) -> Any:
    if not body.strip():
        raise Refused(400, "bad request body: EOF")
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"bad request body: {error}") from None


def _routes(board: Board) -> list[tuple[tuple[str, ...], dict[str, Action]]]:
    def index(_: Sequence[str], __: bytes) -> Response:
        return Response.json(200, {proxy.name: proxy.to_json() for proxy in board.proxies()})

    def create(_: Sequence[str], body: bytes) -> Response:
        return Response.json(201, board.create(_json(body)).to_json())

    def populate(_: Sequence[str], body: bytes) -> Response:
        made = [proxy.to_json() for proxy in board.populate(_json(body))]
        return Response.json(201, {"proxies": made or None})

    def show(names: Sequence[str], _: bytes) -> Response:
        return Response.json(200, board.get(names[0]).to_json())

    def update(names: Sequence[str], body: bytes) -> Response:
        board.get(names[0])
        return Response.json(200, board.update(names[0], _json(body)).to_json())

    def delete(names: Sequence[str], _: bytes) -> Response:
        board.delete(names[0])
        return Response(204)

    def toxics(names: Sequence[str], _: bytes) -> Response:
        return Response.json(200, board.get(names[0]).toxics_json())

    def add_toxic(names: Sequence[str], body: bytes) -> Response:
        board.get(names[0])
        return Response.json(200, board.add_toxic(names[0], _json(body)).to_json())

    def show_toxic(names: Sequence[str], _: bytes) -> Response:
        return Response.json(200, board.toxic(*names).to_json())

    def update_toxic(names: Sequence[str], body: bytes) -> Response:
        board.toxic(*names)
        return Response.json(200, board.update_toxic(names[0], names[1], _json(body)).to_json())

    def remove_toxic(names: Sequence[str], _: bytes) -> Response:
        board.remove_toxic(*names)
        return Response(204)

    def reset(_: Sequence[str], __: bytes) -> Response:
        board.reset()
        return Response(204)

    def version(_: Sequence[str], __: bytes) -> Response:
        return Response.json(200, {"version": API_VERSION})

    def metrics(_: Sequence[str], __: bytes) -> Response:
        return Response(200, _metrics(board).encode(), "text/plain; version=0.0.4; charset=utf-8")

    def evidence(names: Sequence[str], _: bytes) -> Response:
        return Response.json(200, board.get(names[0]).evidence_json())

    def renew_lease(_: Sequence[str], body: bytes) -> Response:
        return Response.json(200, board.renew_lease(_json(body)))

    def leases(_: Sequence[str], __: bytes) -> Response:
        return Response.json(200, board.leases())

    def end_lease(names: Sequence[str], _: bytes) -> Response:
        board.end_lease(names[0])
        return Response(204)

    return [
        (("version",), {"GET": version}),
        (("proxies",), {"GET": index, "POST": create}),
        (("populate",), {"POST": populate}),
        (("reset",), {"POST": reset}),
        (("proxies", "*"), {"GET": show, "POST": update, "PATCH": update, "DELETE": delete}),
        (("proxies", "*", "toxics"), {"GET": toxics, "POST": add_toxic}),
        (
            ("proxies", "*", "toxics", "*"),
            {"GET": show_toxic, "POST": update_toxic, "PATCH": update_toxic, "DELETE": remove_toxic},
        ),
        (("proxies", "*", "evidence"), {"GET": evidence}),
        (("metrics",), {"GET": metrics}),
        (("lease",), {"GET": leases, "PUT": renew_lease}),
        (("lease", "*"), {"DELETE": end_lease}),
    ]


def _metrics(board: Board) -> str:
    """Bytes of each proxy, for Prometheus, under Toxiproxy's names."""
    lines = []
    for verb in ("received", "sent"):
        name = f"toxiproxy_proxy_{verb}_bytes_total"
        lines += [f"# HELP {name} Bytes {verb} by a proxy, by direction.", f"# TYPE {name} counter"]
        for proxy in board.proxies():
            for stream, traffic in (("upstream", proxy.upstream_traffic), ("downstream", proxy.downstream_traffic)):
                labels = {
                    "direction": stream,
                    "listener": proxy.listen,
                    "proxy": proxy.name,
                    "upstream": proxy.upstream,
                }
                shown = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
                lines.append(f"{name}{{{shown}}} {traffic.received if verb == 'received' else traffic.sent}")
    return "\n".join(lines) + "\n"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
