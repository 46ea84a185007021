"""The virtual network: in-memory transports between named hosts, over links that carry toxics.

A **link** is a (client host, server host) pair. Each direction of a connection is first-in-first-out, has the link's
base latency, and passes through the same `chaos.network.toxics.Pipe` as the fault proxy uses.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import socket
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chaos.network.toxics import Data, Eof, Pipe, Reset, ToxicSpec
from chaos.rng import uniform
from harness.sim.hosts import DEAD, LIFE, Host, Life

if TYPE_CHECKING:
    from harness.sim.loop import SimLoop

HIGH_WATER = 256 * 1024
LOW_WATER = 64 * 1024


class _FakeSocket:
    """What libraries ask of ``get_extra_info("socket")``."""

    family = socket.AF_INET
    type = socket.SOCK_STREAM

    def __init__(self, local: tuple[str, int], remote: tuple[str, int]) -> None:
        self._local, self._remote = local, remote

    def getsockname(self) -> tuple[str, int]:
        return self._local

    def getpeername(self) -> tuple[str, int]:
        return self._remote

    def setsockopt(self, *_: Any) -> None:
        return None


@dataclass(eq=False)
class Link:
    """State of one (client, server) pair: base latency, toxics, and what the toxics touched."""

    client: str
    server: str
    latency_s: float
    toxics: dict[str, ToxicSpec] = field(default_factory=dict)
    answer: Callable[[], asyncio.Protocol] | None = None
    connections: dict[Connection, None] = field(default_factory=dict)
    touched: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.client}->{self.server}"

    def specs(self, stream: str) -> list[ToxicSpec]:
        return [spec for spec in self.toxics.values() if spec.stream == stream]


class Connection:
    """Two endpoints and the pipes between them."""

    def __init__(self, link: Link, serial: int, seed: int) -> None:
        self.link = link
        self.serial = serial
        self.seed = seed
        self.client: Endpoint
        self.server: Endpoint

    def rng(self, stream: str) -> Callable[[], float]:
        """Draws keyed by (seed, link, connection, direction, tick)."""
        ticks = itertools.count()
        return lambda: uniform(self.seed, self.link.name, self.serial, stream, next(ticks))


class Endpoint(asyncio.Transport):
    """One side of a connection: a transport whose writes arrive at the peer's protocol."""

    def __init__(self, loop: SimLoop, net: Network, conn: Connection, stream: str, life: Life | None) -> None:
        super().__init__()
        self._loop = loop
        self._net = net
        self._conn = conn
        self._stream = stream
        self._latency = conn.link.latency_s
        self.life = life
        self.context: Context = copy_context()
        self.protocol: Any = None
        self.peer: Endpoint
        self._due = 0.0
        self._queue: list[bytes | type[Eof] | type[Reset]] = []
        self._queued = 0
        self._pipe: Pipe | None = None
        self._pipe_timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._lost = False
        self._eof_sent = False
        self._reading = True
        self._inbox: list[bytes | type[Eof] | type[Reset]] = []
        self._writing_paused = False
        if life is not None:
            life.endpoints[self] = None

    # -- asyncio.Transport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "socket":
            return _FakeSocket(self._addresses()[0], self._addresses()[1])
        if name == "sockname":
            return self._addresses()[0]
        if name == "peername":
            return self._addresses()[1]
        return default

    def _addresses(self) -> tuple[tuple[str, int], tuple[str, int]]:
        client, server = self._net.addresses(self._conn)
        return (client, server) if self._stream == "upstream" else (server, client)

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_protocol(self) -> Any:
        return self.protocol

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return self._reading and not self._closing

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return self._queued

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return (LOW_WATER, HIGH_WATER)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The limits are the network's own."""

    def write(self, data: Any) -> None:
        if self._closing or self._eof_sent or not data:
            return
        self._send(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        if not self._eof_sent and not self._closing:
            self._eof_sent = True
            self._send(Eof)

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        if not self._reading:
            self._reading = True
            self._loop.call_soon(self._drain_inbox, context=self.context)

    def close(self) -> None:
        if self._closing:
            return
        self._closing = True
        if not self._eof_sent:
            self._eof_sent = True
            self._send(Eof)
        self._loop.call_soon(self._lose, None, context=self.context)

    def abort(self) -> None:
        if self._lost:
            return
        self._closing = True
        self._send(Reset)
        self._loop.call_soon(self._lose, None, context=self.context)

    # -- the way out

    def _send(self, item: bytes | type[Eof] | type[Reset]) -> None:
        life = self.life
        if life is not None and life.state == DEAD:
            return
        if isinstance(item, bytes):
            self._queued += len(item)
            if self._queued > HIGH_WATER and not self._writing_paused and self.protocol is not None:
                self._writing_paused = True
                self.protocol.pause_writing()
        if self._pipe is not None:
            self._push(item)
        else:
            self._transmit(item)

    def _transmit(self, item: bytes | type[Eof] | type[Reset]) -> None:
        """Puts an item on the wire; what is sent at one instant arrives as one segment."""
        due = self._loop.now + self._latency
        if not self._queue:
            self._loop.call_at(due, self._arrive, context=self.peer.context)
        elif due > self._due:
            self._loop.call_at(due, self._arrive, context=self.peer.context)
            self._queue.append(Segment)  # type: ignore[arg-type]
        self._due = due
        self._queue.append(item)

    def _arrive(self) -> None:
        """Delivers the oldest segment (each timer takes one, so that order never depends on the heap)."""
        queue = self._queue
        try:
            end = queue.index(Segment)  # type: ignore[arg-type]
        except ValueError:
            items, self._queue = queue, []
        else:
            items, self._queue = queue[:end], queue[end + 1 :]
        self.peer._receive(items)

    def _receive(self, items: list[Any]) -> None:
        if self._inbox or not self._reading:
            self._inbox.extend(items)
            return
        self._deliver(items)

    def _drain_inbox(self) -> None:
        items, self._inbox = self._inbox, []
        self._deliver(items)

    def _deliver(self, items: list[Any]) -> None:
        if self._lost:
            return
        chunks = [item for item in items if isinstance(item, bytes)]
        if chunks and not self._closing:
            data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            self.peer._acknowledge(len(data))
            self.protocol.data_received(data)
        if Reset in items:
            self._closing = True
            self._lose(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))
        elif Eof in items and not self._closing:
            if not self.protocol.eof_received():
                self.close()

    def _acknowledge(self, size: int) -> None:
        self._queued -= size
        if self._writing_paused and self._queued < LOW_WATER:
            self._writing_paused = False
            self._loop.call_soon(self.protocol.resume_writing, context=self.context)

    def _lose(self, error: Exception | None) -> None:
        if self._lost:
            return
        self._lost = self._closing = True
        if self.life is not None:
            self.life.endpoints.pop(self, None)
        self._conn.link.connections.pop(self._conn, None) if self.peer._lost else None
        self.protocol.connection_lost(error)

    def vanish(self) -> None:
        """The process is gone: the kernel resets its connections, its protocol hears nothing."""
        self._lost = self._closing = True
        self._queue = []
        self._loop.call_at(self._loop.now + self._latency, self.peer._receive, [Reset], context=self.peer.context)

    # -- toxics

    def set_toxics(self, specs: list[ToxicSpec]) -> None:
        """Changes the toxics of this direction while data flows."""
        if self._pipe is None:
            if not specs:
                return
            self._pipe = Pipe(specs, self._conn.rng(self._stream))
        else:
            self._pipe.update(self._loop.now, specs)
        self._pump()

    def _push(self, item: bytes | type[Eof] | type[Reset]) -> None:
        assert self._pipe is not None
        now = self._loop.now
        if isinstance(item, bytes):
            self._pipe.push(now, item)
        elif item is Eof:
            self._pipe.push_eof(now)
        else:
            self._pipe.push_reset(now)
        self._pump()

    def _pump(self) -> None:
        pipe = self._pipe
        if pipe is None:
            return
        for release in pipe.pop_due(self._loop.now):
            if isinstance(release, Data):
                self._transmit(release.data)
            elif release is Reset:
                self._transmit(Reset)
            else:
                self._transmit(Eof)
        self._net.note_touched(self._conn.link, pipe.touched)
        if self._pipe_timer is not None:
            self._pipe_timer.cancel()
            self._pipe_timer = None
        due = pipe.next_due()
        if due is not None:
            # The wire is nobody's process: its timers go on when a host is paused or dead.
            self._pipe_timer = self._loop.call_at(due, self._pump, context=self._net.context)
        elif pipe.idle:
            self._pipe = None


class Segment:
    """Marks the end of what was sent at one instant."""


class _Server:
    """What ``loop.create_server`` returns."""

    def __init__(self, net: Network, key: tuple[str, int]) -> None:
        self._net = net
        self._key = key
        self.sockets = [_FakeSocket(key, ("", 0))]

    def close(self) -> None:
        self._net.listeners.pop(self._key, None)

    def is_serving(self) -> bool:
        return self._key in self._net.listeners

    async def wait_closed(self) -> None:
        return None


class Network:
    """Hosts by name and address, listeners, links and their toxics."""

    def __init__(self, loop: SimLoop, seed: int) -> None:
        self.loop = loop
        self.seed = seed
        self.hosts: dict[str, Host] = {}
        self.context = copy_context()
        self.listeners: dict[tuple[str, int], tuple[Callable[[], Any], Life | None, Context]] = {}
        self.links: dict[tuple[str, str], Link] = {}
        self.pending: dict[socket.socket, tuple[str, int]] = {}
        self.on_touched: Callable[[Link, str], None] | None = None
        self._by_ip: dict[str, Host] = {}
        self._serial = 0

    def add_host(self, name: str) -> Host:
        """A new host, down until something starts on it."""
        host = Host(name, f"10.0.0.{len(self.hosts) + 1}")
        self.hosts[name] = host
        self._by_ip[host.ip] = host
        return host

    def resolve(self, host: str) -> str:
        """Address of a host by name or address; `socket.gaierror` if there is none."""
        if isinstance(host, bytes):
            host = host.decode()
        if host in self._by_ip:
            return host
        try:
            return self.hosts[host].ip
        except KeyError:
            raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {host!r}") from None

    def link(self, client: str, server: str) -> Link:
        """The link of the pair, made on first use; its base latency is a property of (seed, pair)."""
        key = (client, server)
        if key not in self.links:
            latency = 2e-4 + 3e-4 * uniform(self.seed, "link", client, server)
            self.links[key] = Link(client, server, latency)
        return self.links[key]

    def addresses(self, conn: Connection) -> tuple[tuple[str, int], tuple[str, int]]:
        """(client address, server address) of a connection."""
        client = self.hosts.get(conn.link.client)
        server = self.hosts[conn.link.server]
        return (client.ip if client else "10.0.0.0", 40000 + conn.serial % 20000), (server.ip, 8000)

    def listen(self, factory: Callable[[], Any], port: int) -> _Server:
        """Registers a listener for the host in whose context this runs."""
        life = LIFE.get()
        name = life.host.name if life is not None else "outside"
        key = (self.hosts[name].ip, port)
        if key in self.listeners:
            raise OSError(errno.EADDRINUSE, f"port {port} of host {name} is in use")
        self.listeners[key] = (factory, life, copy_context())
        if life is not None:
            life.listeners.append(port)
        return _Server(self, key)

    async def probe(self, ip: str, port: int) -> None:
        """What ``connect(2)`` says: one round trip, refused when nobody listens."""
        life = LIFE.get()
        link = self.link(life.host.name if life else "outside", self._by_ip[ip].name)
        await asyncio.sleep(2 * link.latency_s)
        if link.answer is None and (ip, port) not in self.listeners:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"Connect call failed ({link.server!r}, {port})")

    async def connect(self, factory: Callable[[], Any], ip: str, port: int) -> tuple[Endpoint, Any]:
        """Opens a connection to a listener of another host."""
        life = LIFE.get()
        server_host = self._by_ip[ip]
        link = self.link(life.host.name if life else "outside", server_host.name)
        entry = self.listeners.get((ip, port))
        if link.answer is None and entry is None:
            await asyncio.sleep(2 * link.latency_s)
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"Connect call failed ({link.server!r}, {port})")
        self._serial += 1
        conn = Connection(link, self._serial, self.seed)
        client = Endpoint(self.loop, self, conn, "upstream", life)
        if link.answer is not None:
            server = Endpoint(self.loop, self, conn, "downstream", None)
            server.context = self.context
            server_protocol: Any = link.answer()
        else:
            assert entry is not None
            server_factory, server_life, server_context = entry
            server = Endpoint(self.loop, self, conn, "downstream", server_life)
            server.context = server_context.copy()
            server_protocol = server.context.run(server_factory)
        conn.client, conn.server = client, server
        client.peer, server.peer = server, client
        link.connections[conn] = None
        protocol = factory()
        client.protocol, server.protocol = protocol, server_protocol
        client.set_toxics(link.specs("upstream"))
        server.set_toxics(link.specs("downstream"))
        self.loop.call_soon(server_protocol.connection_made, server, context=server.context)
        protocol.connection_made(client)
        return client, protocol

    # -- faults

    def matching(self, pattern: str) -> list[Link]:
        """Links of ``client->server``, where ``*`` stands for every host."""
        client, _, server = pattern.partition("->")
        pairs = [
            (c, s)
            for c in ([*self.hosts] if client == "*" else [client])
            for s in ([*self.hosts] if server == "*" else [server])
            if c != s
        ]
        return [self.link(c, s) for c, s in pairs]

    def add_toxic(self, pattern: str, spec: ToxicSpec) -> None:
        """Adds (or replaces) a toxic on every matching link, live connections included."""
        for link in self.matching(pattern):
            link.toxics[spec.name] = spec
            self._refresh(link)

    def remove_toxic(self, pattern: str, name: str) -> None:
        """Removes a toxic; unknown names are ignored, so that a revert can be repeated."""
        for link in self.matching(pattern):
            if link.toxics.pop(name, None) is not None:
                self._refresh(link)

    def set_answer(self, pattern: str, factory: Callable[[], asyncio.Protocol] | None) -> None:
        """New connections over the links reach ``factory``'s protocol instead of the server; open ones are reset."""
        for link in self.matching(pattern):
            if link.answer is factory:
                continue
            link.answer = factory
            for conn in list(link.connections):
                conn.client.vanish()
                conn.server.vanish()
                link.connections.pop(conn, None)

    def note_touched(self, link: Link, touched: dict[str, int]) -> None:
        """Evidence: keeps the toxics that acted on a link and tells the first time of each."""
        for name, count in touched.items():
            if count and name not in link.touched:
                link.touched[name] = count
                if self.on_touched is not None:
                    self.on_touched(link, name)
            elif count:
                link.touched[name] = max(count, link.touched[name])

    def _refresh(self, link: Link) -> None:
        for conn in list(link.connections):
            conn.client.set_toxics(link.specs("upstream"))
            conn.server.set_toxics(link.specs("downstream"))
