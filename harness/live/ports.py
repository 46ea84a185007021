"""Ports that nobody else gets, although nobody listens on them yet."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

__all__ = ["Ports"]


class Ports:
    """Reserves free ports of one address; a context manager, which gives them back.

    A port is held by a socket that is bound and never listens: a connection to it is refused, as it must be while its
    service is dead, nobody's outgoing connection can take it meanwhile, and whoever binds with ``SO_REUSEADDR`` (as
    servers do) may listen on it.

    >>> with Ports() as ports:
    ...     port = ports.reserve()
    ...     with socket.socket() as other:
    ...         other.connect_ex(("127.0.0.1", port)) == 0
    ...     with socket.create_server(("127.0.0.1", port)) as server:
    ...         server.getsockname()[1] == port
    False
    True
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self._held: list[socket.socket] = []

    def reserve(self) -> int:
        """A free port, for as long as this object is open. Raises ``OSError`` when there is none left."""
        holder = socket.socket()
        self._held.append(holder)
        holder.bind((self.host, 0))
        # Only now: the bind itself must find a port that nobody else holds in this way.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port: int = holder.getsockname()[1]
        return port

    def close(self) -> None:
        """Gives every port back."""
        for holder in self._held:
            holder.close()
        self._held.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
