"""What hostile or broken clients send: floods, requests that are none, connections that never finish."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import cycle
from typing import Any

import gevent
from gevent import socket
from gevent.pool import Group

from harness.load.plan import Shot

__all__ = ["Malformed", "SlowClients", "Surge"]

#: Called with how many more requests or connections a fault has made.
OnTouched = Callable[[int], None]

_HEADER_EVERY_S = 0.5
_RETRY_S = 0.2


@dataclass(slots=True)
class Surge:
    """``factor`` times as many requests: each planned one is followed by copies of it, all within ``within_s``."""

    factor: float
    touched: OnTouched
    within_s: float = 1.0
    _owed: float = 0.0

    def __call__(self, shot: Shot, send: Callable[[Shot], None]) -> None:
        self._owed += self.factor - 1
        copies = int(self._owed)
        self._owed -= copies
        for number in range(copies):
            delay = self.within_s * (number + 1) / (copies + 1)
            gevent.spawn_later(delay, send, replace(shot, at=shot.at + delay))
        if copies:
            self.touched(copies)


def broken_bodies(body: str) -> Iterator[str]:
    """Endless ways in which a good body can be none: cut, not JSON, wrong types, fields missing, nested, too large."""
    fields: dict[str, Any] = json.loads(body)
    first = next(iter(fields), "x")
    return cycle(
        [
            body[: len(body) // 2],
            "\x00\xff not json",
            json.dumps({**fields, first: {"nested": [None] * 10}}),
            json.dumps({key: value for key, value in fields.items() if key != first}),
            json.dumps([fields]),
            json.dumps(dict.fromkeys(fields, -1e308)),
            json.dumps({**fields, first: "x" * 1_000_000}),
            "",
        ]
    )


@dataclass(slots=True)
class Malformed:
    """Beside each planned request ``per_request`` ones that no server should accept."""

    per_request: float
    touched: OnTouched
    _owed: float = 0.0
    _bodies: Iterator[str] | None = None

    def __call__(self, shot: Shot, send: Callable[[Shot], None]) -> None:
        if self._bodies is None:
            self._bodies = broken_bodies(shot.body)
        self._owed += self.per_request
        count = int(self._owed)
        self._owed -= count
        for _ in range(count):
            send(replace(shot, body=next(self._bodies)))
        if count:
            self.touched(count)


class SlowClients:
    """Holds ``connections`` open that send a request's headers a line at a time and never come to its end."""

    def __init__(self, host: str, port: int, connections: int, touched: OnTouched) -> None:
        self._address = (host, port)
        self._touched = touched
        self._clients = Group()
        for _ in range(connections):
            self._clients.spawn(self._dawdle)

    def stop(self) -> None:
        """Closes them all."""
        self._clients.kill(timeout=5)

    def _dawdle(self) -> None:
        while True:
            try:
                with socket.create_connection(self._address, timeout=5) as client:
                    self._touched(1)
                    client.sendall(b"POST /predict HTTP/1.1\r\nhost: pipeline\r\n")
                    while True:
                        gevent.sleep(_HEADER_EVERY_S)
                        client.sendall(b"x-slow: 1\r\n")
            except OSError:
                gevent.sleep(_RETRY_S)  # refused, or thrown out: come again
