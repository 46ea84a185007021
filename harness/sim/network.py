"""The virtual network: links between named hosts, what listens on them, and the faults of both.

A **link** is a (client host, server host) pair. Each direction of a connection is first-in-first-out, has the link's
base latency, and passes through the same `chaos.network.pipe.Pipe` as the fault proxy uses.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from chaos.network.toxics import ToxicSpec
from chaos.rng import uniform
from harness.sim.connection import Connection, FakeSocket
from harness.sim.hosts import LIFE, Host, Life
from harness.sim.transport import Endpoint

if TYPE_CHECKING:
    from harness.sim.loop import SimLoop

#: What Linux does by default: a SYN is repeated 6 times at doubling intervals.
CONNECT_GIVES_UP_S = 127.0
LOOPBACK_LATENCY_S = 2e-5
#: Code that runs on no host, such as the engine, is a client of this name. ``*`` in a pattern does not match it.
OUTSIDE = "outside"


@dataclass(eq=False)
class Link:
    """State of one (client, server) pair: base latency, toxics, and how often each toxic acted (``touched``)."""

    client: str
    server: str
    latency_s: float
    toxics: dict[str, ToxicSpec] = field(default_factory=dict)
    answer: Callable[[], asyncio.Protocol] | None = None
    connections: dict[Connection, None] = field(default_factory=dict)
    touched: dict[str, int] = field(default_factory=dict)
    cut: bool = False
    cut_at: float = 0.0
    opened: int = 0
    waiting: dict[asyncio.Future[None], None] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """``client->server``."""
        return f"{self.client}->{self.server}"

    def specs(self, stream: str) -> list[ToxicSpec]:
        """The toxics of a direction, in the order in which they were added."""
        return [spec for spec in self.toxics.values() if spec.stream == stream]


@dataclass(eq=False, slots=True)
class _Listener:
    factory: Callable[[], Any]
    life: Life
    context: Context


class Server(asyncio.AbstractServer):
    """What ``loop.create_server`` returns."""

    def __init__(self, net: Network, key: tuple[str, int], listener: _Listener) -> None:
        self._net = net
        self._key = key
        self._listener = listener
        self.sockets = [FakeSocket(key, ("", 0))]

    def close(self) -> None:
        """Stops listening; connections stay."""
        if self.is_serving():
            del self._net.listeners[self._key]
            self._listener.life.listeners.pop(self._key[1], None)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop it belongs to."""
        return self._net.loop

    def is_serving(self) -> bool:
        """Whether connections are accepted."""
        return self._net.listeners.get(self._key) is self._listener

    async def start_serving(self) -> None:
        """It serves from the beginning."""

    async def serve_forever(self) -> None:
        """Waits until cancelled."""
        await self._net.loop.create_future()

    async def wait_closed(self) -> None:
        """Returns at once, as asyncio's did until 3.12: connections belong to their protocols."""


class Network:
    """Hosts by name and address, listeners, links and their toxics."""

    def __init__(self, loop: SimLoop, seed: int) -> None:
        self.loop = loop
        self.seed = seed
        self.hosts: dict[str, Host] = {}
        self.context = copy_context()
        self.listeners: dict[tuple[str, int], _Listener] = {}
        self.links: dict[tuple[str, str], Link] = {}
        #: OS sockets that went through ``loop.sock_connect``, and where to.
        self.pending: WeakKeyDictionary[socket.socket, tuple[str, int]] = WeakKeyDictionary()
        #: Called when a toxic acts on a link for the first time since it was added.
        self.on_touched: Callable[[Link, str], None] | None = None
        self._by_ip: dict[str, Host] = {}
        self.context.run(LIFE.set, None)

    # -- names

    def add_host(self, name: str) -> Host:
        """A new host, down until something starts on it."""
        if name in self.hosts or name in (OUTSIDE, "*", "localhost"):
            raise ValueError(f"there is a host {name!r} already, or the name is reserved")
        number = len(self.hosts) + 1
        host = Host(name, f"10.0.{number // 250}.{number % 250 + 1}")
        self.hosts[name] = host
        self._by_ip[host.ip] = host
        return host

    def resolve(self, host: str | bytes) -> str:
        """Address of a host by name or address; `socket.gaierror` if there is none."""
        if isinstance(host, bytes):
            host = host.decode()
        if host in self.hosts:
            return self.hosts[host].ip
        life = LIFE.get()
        if host in ("localhost", "127.0.0.1") and life is not None:
            return life.host.ip
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            raise socket.gaierror(socket.EAI_NONAME, f"Name or service not known: {host!r}") from None

    def link(self, client: str, server: str) -> Link:
        """The link of the pair, made on first use; its base latency is a property of (seed, pair)."""
        key = (client, server)
        if key not in self.links:
            latency = LOOPBACK_LATENCY_S
            if client != server:
                latency = 2e-4 + 3e-4 * uniform(self.seed, "link", client, server)
            self.links[key] = Link(client, server, latency)
        return self.links[key]

    # -- connections

    def listen(self, factory: Callable[[], Any], port: int) -> Server:
        """Registers a listener for the host in whose context this runs; port 0 picks a free one."""
        life = LIFE.get()
        if life is None:
            raise RuntimeError("only code of a host can listen: run it with World.spawn or as the host's boot")
        ip = life.host.ip
        if port == 0:
            port = next(free for free in range(32768, 65536) if (ip, free) not in self.listeners)
        if (ip, port) in self.listeners:
            raise OSError(errno.EADDRINUSE, f"port {port} of host {life.host.name} is in use")
        listener = _Listener(factory, life, copy_context())
        self.listeners[ip, port] = listener
        life.listeners[port] = None
        return Server(self, (ip, port), listener)

    def _link_to(self, ip: str) -> Link | None:
        life = LIFE.get()
        server = self._by_ip.get(ip)
        return None if server is None else self.link(life.host.name if life is not None else OUTSIDE, server.name)

    async def handshake(self, ip: str, port: int) -> None:
        """What ``connect(2)`` waits for: one round trip, refused when nobody listens, silence over a cut link."""
        link = self._link_to(ip)
        if link is None or link.cut:
            await self._silence(link, ip, port)
        assert link is not None
        await asyncio.sleep(2 * link.latency_s)
        self._check_listening(link, ip, port)

    async def _silence(self, link: Link | None, ip: str, port: int) -> None:
        """Waits until the link is mended; gives up as Linux does."""
        mended: asyncio.Future[None] = self.loop.create_future()
        if link is not None:
            link.waiting[mended] = None
            self.note_touched(link, {"cut": 1})
        timer = self.loop.call_later(CONNECT_GIVES_UP_S, _fail_if_pending, mended, ip, port)
        try:
            await mended
        finally:
            timer.cancel()
            if link is not None:
                link.waiting.pop(mended, None)

    def _check_listening(self, link: Link, ip: str, port: int) -> None:
        if link.answer is None and (ip, port) not in self.listeners:
            raise ConnectionRefusedError(
                errno.ECONNREFUSED, f"Connect call failed: nothing listens on {link.server}:{port}"
            )

    def establish(self, factory: Callable[[], Any], ip: str, port: int) -> tuple[Endpoint, Any]:
        """Opens a connection after its handshake: the client's side at once, the server's when it runs next."""
        link = self._link_to(ip)
        assert link is not None
        self._check_listening(link, ip, port)
        life = LIFE.get()
        link.opened += 1
        client_ip = life.host.ip if life is not None else "10.0.0.1"
        conn = Connection(link, link.opened, self.seed, ((client_ip, 32768 + link.opened % 28232), (ip, port)))
        client = Endpoint(self, conn, "upstream", life)
        if link.answer is not None:
            accept, server = link.answer, Endpoint(self, conn, "downstream", None, self.context.copy())
        else:
            listener = self.listeners[ip, port]
            accept = listener.factory
            server = Endpoint(self, conn, "downstream", listener.life, listener.context.copy())
        conn.client, conn.server = client, server
        client.peer, server.peer = server, client
        link.connections[conn] = None
        client.protocol = factory()
        client.set_toxics(link.specs("upstream"), live=False)
        server.set_toxics(link.specs("downstream"), live=False)
        self.loop.call_soon(_accept, server, accept, context=server.context)
        client.connected()
        return client, client.protocol

    # -- faults

    def matching(self, pattern: str) -> list[Link]:
        """Links of ``client->server``, where ``*`` stands for every host; `ValueError` for hosts unknown."""
        client, arrow, server = pattern.partition("->")
        for name in (client, server):
            if not arrow or (name not in self.hosts and name not in ("*", OUTSIDE)):
                raise ValueError(f"no link {pattern!r}: write client->server; hosts: {', '.join(self.hosts)}")
        return [
            self.link(c, s)
            for c in ([*self.hosts] if client == "*" else [client])
            for s in ([*self.hosts] if server == "*" else [server])
            if c != s
        ]

    def add_toxic(self, pattern: str, spec: ToxicSpec) -> None:
        """Adds (or replaces) a toxic on every matching link, open connections included."""
        for link in self.matching(pattern):
            if spec.name not in link.toxics:
                link.touched.pop(spec.name, None)
            link.toxics[spec.name] = spec
            self._refresh(link)

    def remove_toxic(self, pattern: str, name: str) -> None:
        """Removes a toxic; unknown names are ignored, so that a revert can be repeated."""
        for link in self.matching(pattern):
            if link.toxics.pop(name, None) is not None:
                self._refresh(link)

    def set_answer(self, pattern: str, factory: Callable[[], asyncio.Protocol] | None) -> int:
        """New connections reach ``factory``'s protocol instead of the server; open ones are reset. None reverts.

        Returns how many were reset.
        """
        resets = 0
        for link in self.matching(pattern):
            if link.answer is not factory:
                link.answer = factory
                resets += sum(not conn.severed for conn in link.connections)
                for conn in list(link.connections):
                    conn.client.sever()
        return resets

    def cut(self, pattern: str) -> None:
        """Pulls the plug: packets vanish both ways, connects hang, and nobody is told (evidence: ``cut``)."""
        for link in self.matching(pattern):
            if not link.cut:
                link.cut, link.cut_at = True, self.loop.now
                link.touched.pop("cut", None)

    def mend(self, pattern: str) -> None:
        """Ends `cut`: TCP repeats what was lost, or resets if it gave up meanwhile."""
        for link in self.matching(pattern):
            if not link.cut:
                continue
            link.cut = False
            cut_s = self.loop.now - link.cut_at
            for conn in list(link.connections):
                conn.client.mend(cut_s)
                conn.server.mend(cut_s)
            for future in list(link.waiting):
                if not future.done():
                    future.set_result(None)

    def note_touched(self, link: Link, touched: dict[str, int]) -> None:
        """Evidence: adds up what acted on a link and tells the first time of each."""
        for name, count in touched.items():
            first = name not in link.touched
            link.touched[name] = link.touched.get(name, 0) + count
            if first and self.on_touched is not None:
                self.on_touched(link, name)

    def _refresh(self, link: Link) -> None:
        for conn in list(link.connections):
            conn.client.set_toxics(link.specs("upstream"), live=True)
            conn.server.set_toxics(link.specs("downstream"), live=True)


def _accept(endpoint: Endpoint, factory: Callable[[], Any]) -> None:
    endpoint.protocol = factory()
    endpoint.connected()


def _fail_if_pending(future: asyncio.Future[None], ip: str, port: int) -> None:
    if not future.done():
        future.set_exception(TimeoutError(errno.ETIMEDOUT, f"Connection timed out: {ip}:{port}"))
