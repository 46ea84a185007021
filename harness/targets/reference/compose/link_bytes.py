"""Bytes that went over links since a moment: Toxiproxy tells of connections that ended, their clients of open ones."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chaos.network.proof import ProxyEvidence
from harness.errors import TargetError
from harness.targets.reference.compose.engine import engine_errors
from harness.targets.reference.compose.open_connections import SCRIPT, bytes_by_port
from harness.targets.reference.compose.outside import Caller
from harness.targets.reference.compose.wiring import LINK_PORTS

if TYPE_CHECKING:
    from harness.targets.reference.compose.stack import Stack

__all__ = ["LinkBytes"]

#: A link and a direction, as Toxiproxy names them: ``upstream`` is from the client to the server.
Stream = tuple[str, str]

_USERS = "users"
#: Asking a client starts a process in its container: not more often than this, in seconds.
_ASK_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class _Open:
    """Bytes of the connections that are open; ``told`` are the clients that said so."""

    told: frozenset[str]
    counted: Mapping[Stream, int]


class LinkBytes:
    """Counts the bytes of some streams from the moment of `begin`: never one that passed before.

    With ``closing`` the connections that are open then are about to be closed, and all of their bytes count.
    """

    def __init__(self, stack: Stack, toxiproxy: Caller, streams: Collection[Stream], *, closing: bool = False) -> None:
        self._stack = stack
        self._toxiproxy = toxiproxy
        self._streams = frozenset(streams)
        self._closing = closing
        self._before: dict[Stream, float] = {}
        self._clients: frozenset[str] = frozenset()
        self._ask_at = 0.0

    async def begin(self) -> None:
        """Remembers what has passed. A connection that ends meanwhile is counted twice here, so that none is later."""
        opened = await self._opened(frozenset(link.partition("->")[0] for link, _ in self._streams))
        ended = await self._ended()
        self._clients = opened.told
        old = {} if self._closing else opened.counted
        self._before = {stream: ended.get(stream, 0.0) + old.get(stream, 0) for stream in self._streams}

    async def passed(self) -> int:
        """Bytes since then, at least. Clients are asked only if no connection that ended tells, and now and then."""
        ended = await self._ended()
        passed = self._since(ended, {})
        if passed > 0 or time.monotonic() < self._ask_at:
            return passed
        self._ask_at = time.monotonic() + _ASK_EVERY_S
        return self._since(ended, (await self._opened(self._clients)).counted)

    def ask_again(self) -> None:
        """The next look is the last one: whatever is known counts."""
        self._ask_at = 0.0

    def _since(self, ended: Mapping[Stream, float], opened: Mapping[Stream, int]) -> int:
        now = {stream: ended.get(stream, 0.0) + opened.get(stream, 0) for stream in self._streams}
        return int(sum(max(now[stream] - self._before[stream], 0.0) for stream in self._streams))

    async def _ended(self) -> Mapping[Stream, float]:
        metrics = await self._toxiproxy.text("GET", "/metrics") or ""
        told = {link: ProxyEvidence.from_metrics(metrics, link) for link in {link for link, _ in self._streams}}
        return {(link, stream): getattr(told[link], stream).received for link, stream in self._streams}

    async def _opened(self, clients: Collection[str]) -> _Open:
        return await asyncio.to_thread(self._ask, clients)

    def _ask(self, clients: Collection[str]) -> _Open:
        """A client that is down or frozen, or a kernel that does not tell, says nothing."""
        links = defaultdict(list)
        for link in {link for link, _ in self._streams}:
            links[link.partition("->")[0]].append(link)
        told: list[str] = []
        counted: dict[Stream, int] = {}
        for client in clients:
            ports = {self._port(link): link for link in links[client]}
            try:
                found = bytes_by_port(ports) if client == _USERS else self._in_container(client, ports)
            except (OSError, ValueError, TargetError):
                continue
            told.append(client)
            for port, (sent, received) in found.items():
                counted[ports[port], "upstream"], counted[ports[port], "downstream"] = sent, received
        return _Open(frozenset(told), counted)

    def _port(self, link: str) -> int:
        """Where the client of a link connects to: users are outside, at a published port."""
        client, _, server = link.partition("->")
        if client != _USERS:
            return LINK_PORTS[link]
        return urlsplit(self._stack.description.urls.get(server, "")).port or 0

    def _in_container(self, client: str, ports: Collection[int]) -> dict[int, tuple[int, int]]:
        with engine_errors(f"asking {client} for its connections"):
            command = ["python3", "-IS", "-c", SCRIPT, *map(str, ports)]
            code, output = self._stack.container(client).exec_run(command)
        if code != 0:
            raise ValueError(output)
        return {int(port): (sent, received) for port, (sent, received) in json.loads(output).items()}
