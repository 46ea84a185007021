"""What those send who are no users: floods, requests that are none, connections that hardly ever finish.

The same loads as the harness's own crowd sends, at the same rates, but by gevent.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import gevent
from gevent import socket
from gevent.lock import BoundedSemaphore
from gevent.pool import Group

__all__ = ["Load", "Place"]

#: A client of a load gives up after this long, in seconds.
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a load is sent to; ``source`` is the address that its connections come from, if that matters."""

    host: str
    port: int
    path: str
    source: str | None = None

    @property
    def bound(self) -> tuple[str, int] | None:
        """As sockets want it."""
        return None if self.source is None else (self.source, 0)


@dataclass(slots=True)
class Load:
    """Requests at a steady rate, open-loop, until `stop`: one of ``bodies`` every ``every_s`` seconds.

    No more than ``clients`` are under way at the same time; others wait for their turn. With ``pause_s`` each is sent a
    byte at a time, that far apart, on a connection of its own. ``touched`` is called for every request.
    """

    place: Place
    bodies: Iterator[bytes]
    touched: Callable[[int], None]
    every_s: float
    clients: int
    pause_s: float | None = None
    _sent: Group = field(default_factory=Group)
    _idle: list[http.client.HTTPConnection] = field(default_factory=list)

    def start(self) -> None:
        """Begins."""
        self._sent.spawn(self._go_on)

    def stop(self) -> None:
        """Ends it, with what is under way."""
        self._sent.kill(timeout=5)
        for connection in self._idle:
            connection.close()

    def _go_on(self) -> None:
        turns = BoundedSemaphore(self.clients)
        for body in self.bodies:
            if self.pause_s is None:
                self._sent.spawn(self._at_once, turns, body)
            else:
                self._sent.spawn(self._slowly, body, self.pause_s)
            self.touched(1)
            gevent.sleep(self.every_s)

    def _at_once(self, turns: BoundedSemaphore, body: bytes) -> None:
        with gevent.Timeout(PATIENCE_S, False), turns:
            connection = self._idle.pop() if self._idle else self._connection()
            finished = False
            try:
                connection.request("POST", self.place.path, body, {"content-type": "application/json"})
                connection.getresponse().read()
                finished = True
            except (OSError, http.client.HTTPException):
                return  # what becomes of it is no concern of who sent it
            finally:
                if finished:
                    self._idle.append(connection)
                else:
                    connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        place = self.place
        return http.client.HTTPConnection(place.host, place.port, timeout=PATIENCE_S, source_address=place.bound)

    def _slowly(self, body: bytes, pause_s: float) -> None:
        """Gives up when the server does."""
        place = self.place
        head = f"POST {place.path} HTTP/1.1\r\nHost: {place.host}\r\nContent-Length: {len(body)}\r\n\r\n"
        with (
            suppress(OSError),
            socket.create_connection(
                (place.host, place.port), timeout=PATIENCE_S, source_address=place.bound
            ) as client,
        ):
            for byte in head.encode() + body:
                client.sendall(bytes([byte]))
                gevent.sleep(pause_s)
