"""What both sides of a virtual TCP connection share, and the socket object that libraries ask for."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.sim.network import Link
    from harness.sim.transport import Endpoint


class FakeSocket:
    """What libraries ask of ``get_extra_info("socket")``."""

    family = socket.AF_INET
    type = socket.SOCK_STREAM
    proto = socket.IPPROTO_TCP

    def __init__(self, local: tuple[str, int], remote: tuple[str, int]) -> None:
        self._local, self._remote = local, remote

    def getsockname(self) -> tuple[str, int]:
        """This side's (address, port)."""
        return self._local

    def getpeername(self) -> tuple[str, int]:
        """The other side's (address, port)."""
        return self._remote

    def setsockopt(self, *_: Any) -> None:
        """Accepted and ignored."""

    def getsockopt(self, *_: Any) -> int:
        """Every option is 0."""
        return 0

    def fileno(self) -> int:
        """There is no descriptor."""
        return -1


class Connection:
    """Two endpoints of one link. ``serial`` numbers the link's connections."""

    __slots__ = ("addresses", "client", "link", "seed", "serial", "server", "severed")

    def __init__(self, link: Link, serial: int, seed: int, addresses: tuple[tuple[str, int], tuple[str, int]]):
        self.link = link
        self.serial = serial
        self.seed = seed
        self.addresses = addresses  # the client's, the server's
        #: A toxic ended it: neither side reaches the other any more.
        self.severed = False
        self.client: Endpoint
        self.server: Endpoint
