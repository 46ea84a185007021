"""A proxy: a port to listen on, an upstream, toxics, and the connections in between."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.network.addresses import Upstream
from chaos.network.evidence import Evidence
from chaos.network.flow import Budget, Traffic
from chaos.network.pipe import Draw
from chaos.network.reactor import IN, Reactor
from chaos.network.relay import Address, Relay
from chaos.network.toxics import ToxicSpec
from chaos.rng import uniform

#: Connections taken in one go, before others have their turn.
_BURST = 32
#: How long open connections are changed or closed in one go. Some hundreds fit in; what is left follows at once.
_SWEEP_S = 0.005
#: How long a proxy that ran out of descriptors waits before it tries again.
_RETRY_S = 0.05


@dataclass(slots=True)
class Plant:
    """What all proxies of a server share: the loop, the seed, and limits on memory, connections and addresses."""

    reactor: Reactor
    seed: int
    connections_max: int
    loopback_only: bool = True
    connections: int = 0
    budget: Budget = field(default_factory=Budget)
    full: dict[Proxy, None] = field(default_factory=dict)  # proxies that wait for a place

    def release(self) -> None:
        """A connection ended."""
        self.connections -= 1
        if self.full and self.connections < self.connections_max:
            waiting = list(self.full)
            self.full.clear()
            for proxy in waiting:
                proxy.accept_again()


@dataclass(slots=True)
class Connections:
    """Connections of a proxy so far, and those that found no upstream."""

    accepted: int = 0
    unreachable: int = 0
    last_error: str = ""


class Proxy:
    """One proxy. It listens while `open`; toxics stay when it is closed, connections don't."""

    def __init__(self, plant: Plant, name: str, listen: str, upstream: str) -> None:
        self.name = name
        self.listen = listen
        self.reactor, self.budget = plant.reactor, plant.budget
        self.upstream_traffic, self.downstream_traffic = Traffic(), Traffic()
        self.connections = Connections()
        self.evidence = Evidence()
        self.toxics: dict[str, ToxicSpec] = {}
        #: Toxic -> the lease that it ends with; and the lease that the proxy is disabled under.
        self.toxic_leases: dict[str, str] = {}
        self.disabled_by: str | None = None
        self._plant = plant
        self._upstream = Upstream(upstream)
        self._listener: socket.socket | None = None
        self._relays: dict[Relay, None] = {}
        self._outdated: dict[Relay, None] = {}  # those that don't know of a change yet
        self._leaving: dict[Relay, None] = {}  # those that are to be closed
        self._sweeping = False
        self._by_stream: dict[str, Sequence[ToxicSpec]] = {"upstream": (), "downstream": ()}

    # -- listening

    @property
    def enabled(self) -> bool:
        """Whether it listens."""
        return self._listener is not None

    @property
    def upstream(self) -> str:
        """Where it connects to."""
        return self._upstream.text

    def open(self, listener: socket.socket, listen: str) -> None:
        """Take connections from a listening socket, at the address ``listen``."""
        self._listener, self.listen = listener, listen
        self.disabled_by = None
        self.accept_again()

    def take_listener(self) -> socket.socket | None:
        """Stop listening, but leave the socket open for another proxy, so that its port is never free meanwhile."""
        listener, self._listener = self._listener, None
        if listener is not None:
            self.reactor.unwatch(listener.fileno())
        self._plant.full.pop(self, None)
        return listener

    def close(self) -> None:
        """Refuse new connections, and close those that there are."""
        listener = self.take_listener()
        if listener is not None:
            listener.close()
        self.drop_connections()

    def close_at_once(self) -> None:
        """As `close`, but every connection is closed when this returns."""
        self.close()
        for relay in list(self._relays):
            relay.close()

    def drop_connections(self) -> None:
        """Close every connection."""
        self._leaving.update(self._relays)
        if not self._sweeping:
            self._sweep()

    def _sweep(self) -> None:
        """Tell open connections what changed, for a moment: thousands of them would keep everybody else waiting."""
        until = self.reactor.now() + _SWEEP_S
        while self._leaving or self._outdated:
            if self._leaving:
                self._leaving.popitem()[0].close()
            else:
                self._outdated.popitem()[0].update()
            if self.reactor.now() >= until:
                self._sweeping = True
                self.reactor.at(until, self._sweep)
                return
        self._sweeping = False

    def redirect(self, upstream: str) -> None:
        """Another upstream from now on; open connections are closed."""
        self._upstream = Upstream(upstream)
        self.drop_connections()

    def accept_again(self) -> None:
        """There is room for connections."""
        if self._listener is not None:
            self.reactor.watch(self._listener.fileno(), IN, self._on_connection)

    def _on_connection(self, _: int) -> None:
        listener, plant = self._listener, self._plant
        assert listener is not None
        for _ in range(_BURST):
            if plant.connections >= plant.connections_max:
                self.reactor.unwatch(listener.fileno())
                plant.full[self] = None
                return
            try:
                client, _peer = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    self.reactor.unwatch(listener.fileno())
                    self.reactor.at(self.reactor.now() + _RETRY_S, self.accept_again)
                    return
                continue  # that client went away before it was served
            client.setblocking(False)
            self._begin(client)

    def _begin(self, client: socket.socket) -> None:
        relay = Relay(self, self.connections.accepted, client)
        self.connections.accepted += 1
        self._plant.connections += 1
        self._relays[relay] = None

        def connect(addresses: Sequence[Address]) -> None:
            relay.connect(addresses)

        self._upstream.resolve(self.reactor.loop, connect)

    # -- toxics

    def set_toxics(self, toxics: dict[str, ToxicSpec]) -> None:
        """Replace all toxics, also on open connections. The order is that of their action."""
        for name in toxics:
            if name not in self.toxics:
                self.evidence.begin(name)
        self.toxics = toxics
        self.toxic_leases = {name: lease for name, lease in self.toxic_leases.items() if name in toxics}
        for stream, known in self._by_stream.items():
            specs = tuple(spec for spec in toxics.values() if spec.stream == stream)
            if specs != known:  # an untouched direction keeps its tuple, by which connections know
                self._by_stream[stream] = specs
        self._outdated.update(self._relays)
        if not self._sweeping:
            self._sweep()

    def toxics_on(self, stream: str) -> Sequence[ToxicSpec]:
        """The toxics of one direction."""
        return self._by_stream[stream]

    def draw(self, serial: int, stream: str) -> Draw:
        """Draws that depend on nothing but seed, proxy, connection, direction, toxic and tick."""
        seed, name = self._plant.seed, self.name
        return lambda toxic, tick: uniform(seed, name, serial, stream, toxic, tick)

    # -- what the connections tell

    def note(self, toxic: str, actions: int, size: int, *, new_connection: bool) -> None:
        """A toxic acted on a connection."""
        self.evidence.note(toxic, actions=actions, size=size, new_connection=new_connection)

    def unreachable(self, reason: str) -> None:
        """A connection found no upstream."""
        self.connections.unreachable += 1
        self.connections.last_error = reason

    def ended(self, relay: Relay) -> None:
        """A connection is no more."""
        for relays in (self._relays, self._outdated, self._leaving):
            relays.pop(relay, None)
        self._plant.release()

    # -- JSON

    def to_json(self) -> dict[str, Any]:
        """Toxiproxy's form."""
        return {
            "name": self.name,
            "listen": self.listen,
            "upstream": self.upstream,
            "enabled": self.enabled,
            "toxics": self.toxics_json(),
        }

    def toxics_json(self) -> list[dict[str, Any]]:
        """Upstream toxics in order, then downstream."""
        return [spec.to_json() for stream in ("upstream", "downstream") for spec in self._by_stream[stream]]

    def evidence_json(self) -> dict[str, Any]:
        """What went through, and what the toxics did to it."""
        up, down, made = self.upstream_traffic, self.downstream_traffic, self.connections
        return {
            "connections": {
                "accepted": made.accepted,
                "open": len(self._relays),
                "unreachable": made.unreachable,
                "last_error": made.last_error,
            },
            "bytes": {
                "upstream": {"received": up.received, "sent": up.sent},
                "downstream": {"received": down.received, "sent": down.sent},
            },
            "toxics": self.evidence.to_json(),
        }
