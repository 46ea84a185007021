"""Both sides of a virtual TCP connection, as asyncio transports."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from chaos.network.pipe import End, Pipe
from chaos.network.toxics import ToxicSpec
from chaos.rng import uniform
from harness.sim.connection import Connection, FakeSocket
from harness.sim.hosts import DEAD, Life

if TYPE_CHECKING:
    from harness.sim.network import Network

#: Bytes that a sender may have under way before `pause_writing`: a socket's buffers and asyncio's own.
HIGH_WATER = 256 * 1024
LOW_WATER = 64 * 1024
#: What Linux does by default: data is repeated 15 times at doubling intervals, that of a closed socket 8 times.
SENDER_GIVES_UP_S = 924.0
ORPHAN_GIVES_UP_S = 102.0

Item = bytes | End


class Endpoint(asyncio.Transport):
    """One side of a connection: a transport whose writes arrive at the peer's protocol.

    ``stream`` is the direction of its writes: ``upstream`` for the client's side. ``context`` is what its protocol
    runs in, and so says to which life it belongs.
    """

    def __init__(
        self, net: Network, conn: Connection, stream: str, life: Life | None, context: Context | None = None
    ) -> None:
        super().__init__()
        self._loop: Any = net.loop
        self._net = net
        self._conn = conn
        self._stream = stream
        self._latency_s = conn.link.latency_s
        self.life = life
        self.context = copy_context() if context is None else context
        self.protocol: Any = None
        self.peer: Endpoint
        self.gone = False  # its process died: nothing is delivered, its kernel has sent RST
        self._wire: deque[list[Item]] = deque()  # segments under way
        self._due = 0.0
        self._held: list[Item] = []  # sent while the link is cut
        self._queued = 0
        self._high, self._low = HIGH_WATER, LOW_WATER
        self._pipe: Pipe | None = None
        self._bypass = True
        self._pipe_timer: asyncio.TimerHandle | None = None
        self._closing = self._lost = self._eof_sent = self._bounced = False
        self._reading = True
        self._inbox: list[Item] = []
        self._writing_paused = False
        if life is not None:
            life.endpoints[self] = None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """``socket``, ``sockname`` and ``peername``."""
        client, server = self._conn.addresses
        local, remote = (client, server) if self._stream == "upstream" else (server, client)
        if name == "socket":
            return FakeSocket(local, remote)
        return {"sockname": local, "peername": remote}.get(name, default)

    def set_protocol(self, protocol: Any) -> None:
        """As asyncio's."""
        self.protocol = protocol

    def get_protocol(self) -> Any:
        """As asyncio's."""
        return self.protocol

    def is_closing(self) -> bool:
        """As asyncio's."""
        return self._closing

    def is_reading(self) -> bool:
        """As asyncio's."""
        return self._reading and not self._closing

    def can_write_eof(self) -> bool:
        """Half-close works."""
        return True

    def get_write_buffer_size(self) -> int:
        """Bytes that the peer's protocol has not been given yet."""
        return self._queued

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """(low, high)."""
        return (self._low, self._high)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """As asyncio's, over the bytes under way."""
        if high is None:
            high = HIGH_WATER if low is None else 4 * low
        self._high, self._low = high, high // 4 if low is None else low

    def write(self, data: Any) -> None:
        """As asyncio's."""
        if self._eof_sent and not self._closing:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._closing or not data or self._fenced():
            return
        data = bytes(data)
        self._queued += len(data)
        if self._queued > self._high and not self._writing_paused:
            self._writing_paused = True
            self.protocol.pause_writing()
        self._out(data)

    def writelines(self, list_of_data: Any) -> None:
        """As asyncio's."""
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """Half-close: the peer's answer still arrives."""
        if not self._eof_sent and not self._closing and not self._fenced():
            self._eof_sent = True
            self._out(End.EOF)

    def pause_reading(self) -> None:
        """As asyncio's; what arrives waits, and the sender is held back."""
        self._reading = False

    def resume_reading(self) -> None:
        """As asyncio's."""
        if not self._reading:
            self._reading = True
            self._loop.call_soon(self._drain_inbox, context=self.context)

    def close(self) -> None:
        """FIN after what was written; whatever arrives later is answered with RST."""
        if self._closing or self._fenced():
            return
        self._closing = True
        if not self._eof_sent:
            self._eof_sent = True
            self._out(End.EOF)
        self._loop.call_soon(self._lose, None, context=self.context)

    def abort(self) -> None:
        """RST."""
        if self._lost or self._fenced():
            return
        self._closing = True
        self._out(End.RESET)
        self._loop.call_soon(self._lose, None, context=self.context)

    def _fenced(self) -> bool:
        """The dead reach nobody, whatever of theirs is finalised later."""
        return self.life is not None and self.life.state == DEAD

    # -- the way out: toxics, then the wire

    def _out(self, item: Item) -> None:
        if self._conn.severed:
            self._refuse(item)
        elif self._bypass:
            self._transmit(item)
        else:
            pipe, now = self._pipe, self._loop.now
            assert pipe is not None
            if isinstance(item, bytes):
                pipe.push(now, item)
            elif item is End.EOF:
                pipe.push_eof(now)
            else:
                pipe.push_reset(now)
            self._pump()

    def _refuse(self, item: Item) -> None:
        """What is sent on a connection that a toxic ended comes back as RST."""
        if isinstance(item, bytes):
            self._acknowledge(len(item))
            self._loop.call_soon(self._receive, [End.RESET], context=self.context)

    def _transmit(self, item: Item) -> None:
        """Puts an item on the wire; what is sent at one instant arrives as one segment."""
        if self._conn.link.cut:
            self._held.append(item)
            self._net.note_touched(self._conn.link, {"cut": 1})
            return
        if self.peer.gone:
            return  # its reset is on the way
        due = self._loop.now + self._latency_s
        if self._wire and due == self._due:
            self._wire[-1].append(item)
        else:
            self._due = due
            self._wire.append([item])
            self._loop.call_at(due, self._arrive, context=self.peer.context)

    def _arrive(self) -> None:
        """Delivers the oldest segment (each timer takes one, so that order never depends on the heap)."""
        self.peer._receive(self._wire.popleft())

    def mend(self, cut_s: float) -> None:
        """The link is whole again: what was held goes out, or TCP gave up meanwhile and both sides are reset."""
        held, self._held = self._held, []
        if held and cut_s > (ORPHAN_GIVES_UP_S if self._closing else SENDER_GIVES_UP_S):
            self._sever(End.RESET)
            return
        for item in held:
            self._transmit(item)

    # -- the way in

    def _receive(self, items: list[Item]) -> None:
        if self._inbox or not self._reading:
            self._inbox.extend(items)
        else:
            self._deliver(items)

    def _drain_inbox(self) -> None:
        items, self._inbox = self._inbox, []
        if items:
            self._receive(items)

    def _deliver(self, items: list[Item]) -> None:
        chunks = [item for item in items if isinstance(item, bytes)]
        if chunks:
            data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            self.peer._acknowledge(len(data))
            if self._closing:
                self._bounce()
            else:
                self._hand_over(data)
            if len(chunks) == len(items):
                return
        ends = items[len(chunks) :]
        if not self._reading:
            self._inbox.extend(ends)
            return
        for end in ends:
            if end is End.RESET:
                self._lose(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))
            elif not self._closing and not self.protocol.eof_received():
                self.close()

    def _hand_over(self, data: bytes) -> None:
        try:
            self.protocol.data_received(data)
        except Exception as error:  # as asyncio's: a protocol that fails loses its connection
            context = {"message": "Fatal error: protocol.data_received() call failed.", "exception": error}
            self._loop.call_exception_handler(context)
            self._closing = True
            self._out(End.RESET)
            self._lose(error)

    def _bounce(self) -> None:
        """The kernel's answer to data for a socket that is no more."""
        if not self._bounced:
            self._bounced = True
            self._out(End.RESET)

    def _acknowledge(self, size: int) -> None:
        self._queued -= size
        if self._writing_paused and self._queued <= self._low and not self._lost:
            self._writing_paused = False
            self._loop.call_soon(self.protocol.resume_writing, context=self.context)

    def _lose(self, error: Exception | None) -> None:
        if self._lost:
            return
        self._closing = True
        self._forget()
        self.protocol.connection_lost(error)

    def _forget(self) -> None:
        self._lost = True
        if self.life is not None and not self.gone:
            self.life.endpoints.pop(self, None)
        if self.peer._lost:
            self._conn.link.connections.pop(self._conn, None)

    def vanish(self) -> None:
        """The process is gone: its kernel resets the connection, its protocol hears nothing."""
        self.gone = self._closing = True
        self._out(End.RESET)
        self._forget()

    def connected(self) -> None:
        """Tells the protocol, in its own context."""
        self.protocol.connection_made(self)

    # -- toxics

    def set_toxics(self, specs: list[ToxicSpec], *, live: bool) -> None:
        """Sets the toxics of this direction; ``live`` if the connection is open already."""
        now = self._loop.now
        if self._pipe is None:
            if not specs:
                return
            self._pipe = Pipe([] if live else specs, self._draw, now)
        if live:
            self._pipe.update(now, specs)
        self._bypass = False
        self._pump()

    def _draw(self, toxic: str, tick: int) -> float:
        conn = self._conn
        return uniform(conn.seed, conn.link.name, conn.serial, self._stream, toxic, tick)

    def _pump(self) -> None:
        """Carries out what the pipe releases now, and sets a timer for the next."""
        pipe, now = self._pipe, self._loop.now
        if pipe is None or self._conn.severed:
            return
        for item in pipe.pop_due(now):
            if isinstance(item, bytes) or item is End.EOF:
                self._transmit(item)
            else:
                self._sever(item)
        if pipe.dropped:
            self._acknowledge(pipe.dropped)
            pipe.dropped = 0
        if pipe.touched:
            self._net.note_touched(self._conn.link, pipe.touched)
            pipe.touched.clear()
        if self._pipe_timer is not None:
            self._pipe_timer.cancel()
            self._pipe_timer = None
        due = pipe.next_due()
        if due is not None:
            # The wire is nobody's process: its timers go on when a host is paused or dead.
            self._pipe_timer = self._loop.call_at(due, self._pump, context=self._net.context)
        self._bypass = pipe.idle

    def _sever(self, end: End) -> None:
        """Ends the connection for both sides, after what is on the wire."""
        wire_end = End.EOF if end is End.CLOSE else End.RESET
        self._transmit(wire_end)
        self.peer._transmit(wire_end)
        self._conn.severed = True

    def sever(self) -> None:
        """Resets both sides."""
        if not self._conn.severed:
            self._sever(End.RESET)
