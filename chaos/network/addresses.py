"""Addresses as Toxiproxy writes them: ``host:port``, ``[::1]:port``, ``:port`` for every interface."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Sequence

from chaos.network.relay import Address

#: How long a name's addresses are believed: a container that is started again may have moved.
_BELIEVED_S = 5.0
_BACKLOG = 4096


class AddressError(ValueError):
    """An address that cannot be understood; the text is as Toxiproxy's."""


def split_address(text: str) -> tuple[str, int]:
    """(host, port); an IPv6 host without its brackets. Raises `AddressError`.

    >>> split_address("[::1]:80"), split_address(":0")
    (('::1', 80), ('', 0))
    >>> split_address("redis")
    Traceback (most recent call last):
    chaos.network.addresses.AddressError: address redis: missing port in address
    """
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not rest.startswith(":"):
            raise AddressError(f"address {text}: missing port in address")
        port = rest[1:]
    else:
        host, colon, port = text.rpartition(":")
        if not colon:
            raise AddressError(f"address {text}: missing port in address")
        if ":" in host:
            raise AddressError(f"address {text}: too many colons in address")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65536):
        raise AddressError(f"address {port}: invalid port")
    return host, int(port)


def join_address(host: str, port: int) -> str:
    """The text of an address.

    >>> join_address("::", 80), join_address("127.0.0.1", 80)
    ('[::]:80', '127.0.0.1:80')
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen_address(text: str) -> tuple[str, int]:
    """What to listen on: an IP address, ``localhost``, or no host for every interface; nothing at all is loopback.

    Names are not looked up: that could take long, and nobody but the local resolver knows for whom it would listen.
    """
    if not text:
        return "127.0.0.1", 0
    host, port = split_address(text)
    if host.lower() == "localhost":
        return "127.0.0.1", port
    if not host:
        return ("::" if socket.has_dualstack_ipv6() else "0.0.0.0"), port
    try:
        return str(ipaddress.ip_address(host)), port
    except ValueError:
        raise AddressError(f"lookup {host}: expected an IP address, localhost or no host to listen on") from None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there: no host stands for every interface.

    >>> [is_loopback(host) for host in ("127.0.0.2", "::1", "localhost", "", "0.0.0.0", "example.org")]
    [True, True, True, False, False, False]
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def open_listener(text: str) -> tuple[socket.socket, str]:
    """A non-blocking listening socket and its address with the real port.

    Raises `AddressError`, or `OSError` if the address is taken or not this machine's.
    """
    host, port = listen_address(text)
    six = ":" in host
    listener = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if six:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener, join_address(*listener.getsockname()[:2])


class Upstream:
    """Where a proxy connects to. Names are looked up when they are needed, in a thread, and again after a while."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._host, self._port = split_address(text)
        self._until = float("inf")
        self._addresses: Sequence[Address] | None = _without_lookup(self._host, self._port)
        self._waiting: list[Callable[[Sequence[Address]], None]] = []

    def resolve(self, loop: asyncio.AbstractEventLoop, then: Callable[[Sequence[Address]], None]) -> None:
        """Calls ``then`` with the addresses, at once if they are known; with none if the name has none."""
        if self._addresses is not None and loop.time() < self._until:
            then(self._addresses)
            return
        self._waiting.append(then)
        if len(self._waiting) == 1:
            future = loop.run_in_executor(None, _look_up, self._host, self._port)
            future.add_done_callback(lambda done: self._resolved(loop, done))

    def _resolved(self, loop: asyncio.AbstractEventLoop, done: asyncio.Future[Sequence[Address]]) -> None:
        addresses = () if done.cancelled() else done.result()
        self._addresses, self._until = addresses, loop.time() + (_BELIEVED_S if addresses else 0.0)
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then(addresses)


def _without_lookup(host: str, port: int) -> Sequence[Address] | None:
    if host.lower() in ("", "localhost"):
        return ((socket.AF_INET, ("127.0.0.1", port)), (socket.AF_INET6, ("::1", port)))
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return ((socket.AF_INET6 if address.version == 6 else socket.AF_INET, (host, port)),)


def _look_up(host: str, port: int) -> Sequence[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return [(socket.AddressFamily(family), address) for family, _, _, _, address in found]
