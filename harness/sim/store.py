"""A Redis server on the virtual network: fakeredis for the commands, TTLs and blocking on virtual time, no threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from fakeredis import FakeServer
from fakeredis._helpers import SimpleError, SimpleString
from fakeredis._socket._async import AsyncFakeSocket

from harness.sim.hot_commands import HOT, Hot
from harness.sim.resp import ProtocolError, RequestParser, encode

PORT = 6379
#: Replies that are sets: fakeredis gives them in the order of a hash table, which differs from process to process.
_UNORDERED = frozenset({b"SMEMBERS", b"SINTER", b"SUNION", b"SDIFF"})


class _Session(AsyncFakeSocket):
    """What fakeredis keeps of one client; replies, also those that a publisher or a timer causes, go to a list."""

    def __init__(self, server: FakeServer, wake: Any) -> None:
        super().__init__(server, 0, client_class=object, client_info={"lib-name": "sim"})
        self.replies: list[Any] = []
        self._wake = wake

    def put_response(self, msg: Any) -> None:
        """A reply, or a message that was published."""
        self.replies.append(msg)
        self._wake()

    def resume(self) -> None:
        """A blocking command is over: the commands behind it go on."""
        self._paused = False
        self._wake()

    def _decode_result(self, result: Any) -> Any:
        return result  # kept as it is: the encoder below knows simple strings and errors

    def execute(self, fields: list[bytes]) -> None:
        """One command by fakeredis itself."""
        count = len(self.replies)
        self._process_command(fields)
        if len(self.replies) > count and fields and fields[0].upper() in _UNORDERED:
            reply = self.replies[-1]
            if isinstance(reply, list | set | frozenset):
                self.replies[-1] = sorted(reply)

    @property
    def plain(self) -> bool:
        """Nothing changes how a command is executed or answered (MULTI, subscriptions, CLIENT REPLY)."""
        server = self._server
        return not (
            self._queueing
            or self._pubsub
            or self._reply_off
            or self._reply_skip
            or server.subscribers
            or server.psubscribers
        )


def _encode(reply: Any, protocol: int) -> bytes:
    if isinstance(reply, SimpleString):
        return b"+%s\r\n" % reply.value
    if isinstance(reply, SimpleError):
        return b"-%s\r\n" % reply.value.encode()
    if isinstance(reply, list | tuple):
        return b"*%d\r\n" % len(reply) + b"".join([_encode(item, protocol) for item in reply])
    return encode(reply, protocol)


class _RespProtocol(asyncio.Protocol):
    """One client connection: bytes in, replies out, in order."""

    def __init__(self, server: FakeServer, hot: Mapping[bytes, Hot]) -> None:
        self._hot = hot
        self._parser = RequestParser()
        self._transport: Any = None
        self._busy = False
        self._woken = False
        self._session = _Session(server, self._wake)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed(data)
        self._work()

    def connection_lost(self, exc: Exception | None) -> None:
        self._session.close()

    def pause_writing(self) -> None:
        """A client that does not read: its commands wait too."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def _wake(self) -> None:
        """Something came from outside of the client's own commands: send it soon."""
        if not self._busy and not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._work, context=self._transport.context)

    def _work(self) -> None:
        """Executes what is complete, and sends every reply as one segment."""
        self._woken = False
        if self._transport.is_closing():
            return
        self._busy = True
        out: list[bytes] = []
        try:
            self._execute(out)
        except ProtocolError as error:
            out.append(b"-ERR %s\r\n" % str(error).encode())
            self._transport.write(b"".join(out))
            self._transport.close()
            return
        finally:
            self._busy = False
        if out:
            self._transport.write(b"".join(out))

    def _execute(self, out: list[bytes]) -> None:
        session = self._session
        resp3 = session._client_info.protocol_version == 3
        now = time.time()
        while not session._paused:
            fields = self._parser.next()
            if fields is None:
                break
            hot = self._hot.get(fields[0].upper()) if fields else None
            if hot is not None and session.plain:
                session._db.time = now
                reply = hot(session._db, fields[1:], resp3)
                if reply is not None:
                    out.append(reply)
                    continue
            session.execute(fields)
            resp3 = session._client_info.protocol_version == 3
            if session.replies:
                self._flush(out)
        if session.replies:
            self._flush(out)

    def _flush(self, out: list[bytes]) -> None:
        session = self._session
        protocol = session._client_info.protocol_version
        replies, session.replies = session.replies, []
        out.extend(_encode(reply, protocol) for reply in replies)


class StoreServer:
    """The store's process. ``data`` outlives a restart unless `forget` is called; ``fast=False`` is fakeredis alone.

    GET, SET, DEL, EXPIRE, PING and the common hash commands take a fast path over the same data, which does not ask
    the access-control list; everything else is fakeredis.
    """

    def __init__(self, *, fast: bool = True) -> None:
        self.data = FakeServer(server_type="redis")
        self._hot = HOT if fast else {}

    async def start(self) -> None:
        """Listens on port 6379 of the host in whose context it runs; the clients of a former life are gone."""
        for session in list(self.data.sockets):
            session.close()
        await asyncio.get_running_loop().create_server(lambda: _RespProtocol(self.data, self._hot), "0.0.0.0", PORT)

    def forget(self) -> None:
        """What a restart without persistence does; to be called while the store is down."""
        self.data = FakeServer(server_type="redis")
