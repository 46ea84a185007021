"""One proxied connection: a client's socket, one to the upstream, and the two flows between them."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from chaos.network.flow import Budget, Endpoint, Flow, Traffic
from chaos.network.pipe import Draw
from chaos.network.reactor import OUT, Reactor, Timer
from chaos.network.toxics import ToxicSpec

#: (family, address), as `socket.getaddrinfo` gives them.
Address = tuple[socket.AddressFamily, Any]

#: How long to wait for an upstream that does not answer; half a minute is less than any client's patience with TCP.
CONNECT_S = 30.0
#: How long a connection that a toxic closed may take to say goodbye.
_GOODBYE_S = 2.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Switch(Protocol):
    """What a connection needs of its proxy."""

    reactor: Reactor
    budget: Budget
    upstream_traffic: Traffic
    downstream_traffic: Traffic

    def toxics_on(self, stream: str) -> Sequence[ToxicSpec]:
        """The toxics of one direction."""

    def draw(self, serial: int, stream: str) -> Draw:
        """The randomness of one direction of one connection."""

    def note(self, toxic: str, actions: int, size: int, *, new_connection: bool) -> None:
        """A toxic acted."""

    def unreachable(self, reason: str) -> None:
        """The upstream could not be reached."""

    def ended(self, relay: Relay) -> None:
        """The connection is no more."""


class Relay:
    """A connection from accept to close. ``serial`` counts the connections of its proxy."""

    __slots__ = (
        "_addresses",
        "_client",
        "_closed",
        "_down",
        "_finishing",
        "_server",
        "_switch",
        "_timer",
        "_touched_by",
        "_up",
        "budget",
        "reactor",
        "serial",
    )

    def __init__(self, switch: Switch, serial: int, client: socket.socket) -> None:
        self._switch = switch
        self.reactor, self.budget = switch.reactor, switch.budget
        self.serial = serial
        self._client = client
        self._server: socket.socket | None = None
        self._addresses: list[Address] = []
        self._up: Flow | None = None
        self._down: Flow | None = None
        self._timer: Timer | None = None
        self._touched_by: set[str] = set()  # never iterated
        self._closed = self._finishing = False

    # -- the way to the upstream

    def connect(self, addresses: Sequence[Address]) -> None:
        """Reach the upstream at the first address that answers."""
        if not self._closed:
            self._addresses = list(addresses)
            self._try_next("no address")

    def _try_next(self, reason: str) -> None:
        while self._addresses:
            family, address = self._addresses.pop(0)
            try:
                server = socket.socket(family, socket.SOCK_STREAM)
            except OSError as error:
                reason = str(error.strerror)
                continue
            server.setblocking(False)
            code = server.connect_ex(address)
            if code in (0, errno.EINPROGRESS):
                self._server = server
                if code:
                    self.reactor.watch(server.fileno(), OUT, self._on_connect)
                    self._timer = self.reactor.at(self.reactor.now() + CONNECT_S, self._on_connect_timeout)
                else:
                    self._connected(server)
                return
            server.close()
            reason = errno.errorcode.get(code, str(code))
        self._switch.unreachable(reason)
        self.close()

    def _on_connect(self, _: int) -> None:
        server = self._server
        assert server is not None
        code = server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not code:
            self._cancel_timer()
            self._connected(server)
        else:
            self._give_up(errno.errorcode.get(code, str(code)))

    def _on_connect_timeout(self) -> None:
        self._give_up(f"no answer within {CONNECT_S:g} s")

    def _give_up(self, reason: str) -> None:
        self._cancel_timer()
        server, self._server = self._server, None
        assert server is not None
        self.reactor.unwatch(server.fileno())
        server.close()
        self._try_next(reason)

    def _connected(self, server: socket.socket) -> None:
        self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client_end, server_end = Endpoint(self.reactor, self._client), Endpoint(self.reactor, server)
        self._up = Flow(self, client_end, server_end, self._switch.upstream_traffic)
        self._down = Flow(self, server_end, client_end, self._switch.downstream_traffic)
        self._up.reverse, self._down.reverse = self._down, self._up
        self._set("upstream", self._up, live=False)
        self._set("downstream", self._down, live=False)
        client_end.refresh()
        server_end.refresh()

    # -- toxics

    def update(self) -> None:
        """The proxy's toxics changed."""
        if self._up is not None and self._down is not None:
            self._set("upstream", self._up, live=True)
            self._set("downstream", self._down, live=True)

    def _set(self, stream: str, flow: Flow, *, live: bool) -> None:
        specs = self._switch.toxics_on(stream)
        if specs is not flow.toxics:
            flow.set_toxics(specs, self._switch.draw(self.serial, stream), live=live)

    def touched(self, toxics: Mapping[str, int], sizes: Mapping[str, int]) -> None:
        """Toxics acted on so many chunks and ends, and the bytes in them."""
        for name, actions in toxics.items():
            self._switch.note(name, actions, sizes.get(name, 0), new_connection=name not in self._touched_by)
            self._touched_by.add(name)

    # -- the end

    def settle(self) -> None:
        """Close if nothing will come of either direction."""
        if not self._closed and self._up is not None and self._down is not None and self._up.over and self._down.over:
            self.close()

    def finish(self) -> None:
        """FIN to both sides, after what is being written. Bytes that still come are thrown away for a moment: to
        close a socket that holds unread bytes would be a reset, and could cost the peer what it was just sent.
        """
        if self._closed or self._finishing or self._up is None or self._down is None:
            return
        self._finishing = True
        self._timer = self.reactor.at(self.reactor.now() + _GOODBYE_S, self.close)
        self._up.end_now()
        self._down.end_now()

    def abort(self) -> None:
        """RST to both sides."""
        if self._closed:
            return
        for sock in (self._client, self._server):
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.close()

    def close(self) -> None:
        """Close both sockets."""
        if self._closed:
            return
        self._closed = True
        self._cancel_timer()
        for flow in (self._up, self._down):
            if flow is not None:
                flow.close()
        for sock in (self._client, self._server):
            if sock is not None and (fd := sock.fileno()) >= 0:  # still connecting: no flow owns it
                self.reactor.unwatch(fd)
                sock.close()
        self._switch.ended(self)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self.reactor.cancel(self._timer)
            self._timer = None
