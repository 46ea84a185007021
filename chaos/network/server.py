"""The embedded fault proxy: proxies, toxics and Toxiproxy's control API in one asyncio loop."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Sequence
from typing import Any

from chaos.network.board import Board
from chaos.network.control import Control
from chaos.network.http_server import HttpServer
from chaos.network.proxy import Plant
from chaos.network.reactor import Reactor

#: Toxiproxy's own port.
CONTROL_PORT = 8474
#: Descriptors for everything but connections: the control API, listeners, libraries.
_RESERVED = 512
_CONNECTIONS_MIN, _CONNECTIONS_MAX = 16, 100_000


class ProxyServer:
    """Runs in the current asyncio loop, from `start` to `close`.

    The same ``seed`` gives the same toxicity, jitter and slices to the nth connection of each proxy. ``hosts`` are
    names under which the control API may be called, besides ``localhost`` and addresses. ``loopback_only``: proxies
    may not listen where another machine could reach them.
    """

    def __init__(self, *, seed: int = 0, hosts: Sequence[str] = (), loopback_only: bool = True) -> None:
        self._seed = seed
        self._hosts = tuple(hosts)
        self._loopback_only = loopback_only
        self._reactor: Reactor | None = None
        self._board: Board | None = None
        self._http: HttpServer | None = None

    async def start(self, host: str = "127.0.0.1", port: int = CONTROL_PORT) -> tuple[str, int]:
        """Serve the control API; returns its address with the real port. Raises `OSError` if it can't."""
        reactor = Reactor(asyncio.get_running_loop())
        board = Board(Plant(reactor, self._seed, connections_max(), self._loopback_only))
        http = HttpServer(Control(board, hosts=self._hosts))
        try:
            address = await http.start(host, port)
        except OSError:
            reactor.close()
            raise
        self._reactor, self._board, self._http = reactor, board, http
        return address

    @property
    def board(self) -> Board:
        """The proxies, for whoever is in the same process."""
        if self._board is None:
            raise RuntimeError("the server has not been started")
        return self._board

    async def close(self) -> None:
        """Close everything: ports, connections, the control API."""
        if self._http is not None and self._board is not None and self._reactor is not None:
            await self._http.close()
            self._board.close()
            self._reactor.close()
            self._http = self._board = self._reactor = None

    async def __aenter__(self) -> ProxyServer:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()


def raise_descriptor_limit() -> None:
    """Let the process open as many sockets as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connections_max() -> int:
    """How many proxied connections the process has descriptors for, at two each."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = (soft - _RESERVED) // 2 if soft != resource.RLIM_INFINITY else _CONNECTIONS_MAX
    return min(max(room, _CONNECTIONS_MIN), _CONNECTIONS_MAX)
