"""A small HTTP/1.1 server for small requests, that no client can keep busy.

Each request is answered by one call of a plain function. A client that sends rubbish, too much, too slowly, or that
does not read its answers costs its own connection and a bounded amount of memory.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, cast

import httptools

#: Bytes of a request's line and headers, and of its body.
HEAD_MAX = 32 * 1024
BODY_MAX = 1024 * 1024
#: Connections at a time. One that never asked anything makes way for another, or else the one that was quiet longest.
CONNECTIONS_MAX = 256
#: How long a request may take to arrive, an answer to be taken, and a connection to be quiet.
_REQUEST_S = 15.0
_QUIET_S = 60.0
#: How long a client that was refused may go on sending before it is cut off.
_GOODBYE_S = 2.0


@dataclass(slots=True)
class Request:
    """A request; header names are in lower case."""

    method: str = ""
    target: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for key, value in self.headers if key == name]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"

    @classmethod
    def json(cls, status: int, value: Any) -> Response:
        """An answer in JSON."""
        return cls(status, json.dumps(value, separators=(",", ":")).encode())

    @classmethod
    def error(cls, status: int, reason: str) -> Response:
        """An error, as Toxiproxy shows it."""
        return cls.json(status, {"error": reason, "status": status})


Handler = Callable[[Request], Response]


class HttpServer:
    """Serves ``handler`` at a listening address; `start`, then `close`."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        # The longest quiet first: those that never asked anything, and those that did.
        self._strangers: OrderedDict[_Connection, None] = OrderedDict()
        self._acquainted: OrderedDict[_Connection, None] = OrderedDict()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; returns the address with the real port. Raises `OSError` if it can't."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self, loop), host, port, backlog=1024)
        address: tuple[str, int] = self._server.sockets[0].getsockname()[:2]
        return address

    async def close(self) -> None:
        """Close the port and all connections."""
        if self._server is not None:
            self._server.close()
        for connection in [*self._strangers, *self._acquainted]:
            connection.abort()
        if self._server is not None:
            await self._server.wait_closed()

    def joined(self, connection: _Connection) -> None:
        """A client connected."""
        self._strangers[connection] = None
        if len(self._strangers) + len(self._acquainted) > CONNECTIONS_MAX:
            next(iter(self._strangers if len(self._strangers) > 1 else self._acquainted)).abort()

    def answered(self, connection: _Connection) -> None:
        """A client asked something, and was answered."""
        self._strangers.pop(connection, None)
        self._acquainted[connection] = None
        self._acquainted.move_to_end(connection)

    def left(self, connection: _Connection) -> None:
        """A connection is no more."""
        self._strangers.pop(connection, None)
        self._acquainted.pop(connection, None)


class _Connection(asyncio.Protocol):
    """One client. Requests wait in line; one is answered for each turn of the loop, so that nobody fills a turn."""

    def __init__(self, server: HttpServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server, self._loop = server, loop
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._head_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._refusal: Response | None = None
        self._line: deque[tuple[Request, bool]] = deque()  # requests, and whether the connection stays open after them
        self._busy = self._stuck = self._ending = False
        self._timer: asyncio.TimerHandle | None = None

    # -- asyncio's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(64 * 1024)
        self._server.joined(self)
        self._expect_within(_QUIET_S)

    def connection_lost(self, _: Exception | None) -> None:
        self._server.left(self)
        self._line.clear()
        if self._timer is not None:
            self._timer.cancel()

    def pause_writing(self) -> None:
        self._stuck = True
        self._expect_within(_REQUEST_S)

    def resume_writing(self) -> None:
        self._stuck = False
        self._go_on()

    def data_received(self, data: bytes) -> None:
        if self._ending:
            return
        if not self._head_bytes and not self._line:
            self._expect_within(_REQUEST_S)
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # the request is in line; what follows it is none of HTTP's
        except httptools.HttpParserError as error:
            self._refuse(self._refusal or Response.error(400, f"this is not HTTP: {error}"))
            return
        if self._refusal is None and self._head_bytes > HEAD_MAX and not self._body_bytes and not self._line:
            self._refusal = Response.error(431, f"the request's line and headers are over {HEAD_MAX} bytes")
        if self._refusal is not None:
            self._refuse(self._refusal)
        self._go_on()

    def eof_received(self) -> bool:
        """What is in line is answered first."""
        self._ending = True
        return bool(self._line)

    # -- the parser's calls

    def on_url(self, url: bytes) -> None:
        self._request.target += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers.append((name.decode("latin-1").lower(), value.decode("latin-1").strip()))

    def on_headers_complete(self) -> None:
        length = self._request.values("content-length")
        if length and length[0].isdigit() and (len(length[0]) > 9 or int(length[0]) > BODY_MAX):
            self._too_large()
        elif "100-continue" in (value.lower() for value in self._request.values("expect")) and not self._line:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        self._body_bytes += len(data)
        if self._body_bytes > BODY_MAX:
            self._too_large()
        else:
            self._body.append(data)

    def on_message_complete(self) -> None:
        request = self._request
        request.method = self._parser.get_method().decode("latin-1")
        request.body = b"".join(self._body)
        self._line.append((request, bool(self._parser.should_keep_alive())))
        self._request, self._body = Request(), []
        self._head_bytes = self._body_bytes = 0

    def _too_large(self) -> None:
        self._body.clear()
        if self._refusal is None:
            self._refusal = Response.error(413, f"the body is over {BODY_MAX} bytes")

    # -- answering

    def _go_on(self) -> None:
        """Answer the next in line, when it is its turn."""
        if self._line and not self._busy and not self._stuck:
            self._busy = True
            self._transport.pause_reading()
            self._loop.call_soon(self._answer)

    def _answer(self) -> None:
        self._busy = False
        if not self._line or self._transport.is_closing():
            return
        request, stays = self._line.popleft()
        try:
            response = self._server.handler(request)
        except Exception as error:  # the boundary: a defect costs one request, not the server
            context = {"message": f"answering {request.method} {request.target} failed", "exception": error}
            self._loop.call_exception_handler(context)
            response = Response.error(500, "internal error")
        stays = stays and not (self._ending and not self._line)
        self._write(response, stays=stays)
        if not stays:
            self._transport.close()
            return
        self._server.answered(self)
        if self._line:
            self._go_on()
        elif not self._stuck:
            self._transport.resume_reading()
            self._expect_within(_QUIET_S)

    def _write(self, response: Response, *, stays: bool) -> None:
        phrase = HTTPStatus(response.status).phrase
        lines = [f"HTTP/1.1 {response.status} {phrase}"]
        if response.status != HTTPStatus.NO_CONTENT:
            if response.body:
                lines.append(f"Content-Type: {response.content_type}")
            lines.append(f"Content-Length: {len(response.body)}")
        if not stays:
            lines.append("Connection: close")
        self._transport.write("\r\n".join([*lines, "\r\n"]).encode("latin-1") + response.body)

    def _refuse(self, response: Response) -> None:
        """Answer, hear the rest out for a moment (or the client might never see the answer), and close."""
        self._ending = True
        self._line.clear()
        self._write(response, stays=False)
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._expect_within(_GOODBYE_S)

    def _expect_within(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self.abort)

    def abort(self) -> None:
        """Cut the client off."""
        self._transport.abort()
