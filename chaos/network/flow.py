"""The bytes of one direction of a proxied connection, between two non-blocking sockets.

Without toxics a chunk goes from one socket to the other within one callback. With toxics it goes through a `Pipe`.
Either way nothing is read that cannot be kept: what a slow reader leaves behind holds its sender back.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chaos.network.pipe import Draw, End, Pipe
from chaos.network.reactor import GONE, IN, OUT, Reactor, Timer
from chaos.network.toxics import ToxicSpec

#: Bytes that arrive together carry one time stamp.
_CHUNK_BYTES = 32 * 1024
#: What a direction may always hold, and what a latency may keep under way besides.
_HELD_BYTES = 64 * 1024
_UNDER_WAY_BYTES = 8 * 1024 * 1024
#: What the objects around a chunk that waits weigh.
_ITEM_BYTES = 160
#: What is read and thrown away of a connection that has ended.
_DRAINED_BYTES = 1024 * 1024


@dataclass(slots=True)
class Traffic:
    """Bytes of one direction, over all connections of a proxy."""

    received: int = 0
    sent: int = 0


@dataclass(slots=True)
class Budget:
    """Memory for bytes that wait, over all connections: beyond it, each direction gets its minimum only."""

    limit: int = 256 * 1024 * 1024
    held: int = 0


class Owner(Protocol):
    """What a flow needs of the connection that it belongs to."""

    reactor: Reactor
    budget: Budget

    def settle(self) -> None:
        """A direction is over: close if both are."""

    def finish(self) -> None:
        """End the connection with FIN on both sides."""

    def abort(self) -> None:
        """End the connection with RST on both sides."""

    def touched(self, toxics: Mapping[str, int], sizes: Mapping[str, int]) -> None:
        """Toxics acted on so many chunks and bytes."""


class Endpoint:
    """One of the two sockets: read by one flow, written by the other."""

    __slots__ = ("_events", "_handler", "_reactor", "_unwatched", "fd", "read_by", "sock", "written_by")

    read_by: Flow
    written_by: Flow

    def __init__(self, reactor: Reactor, sock: socket.socket) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self._reactor = reactor
        self._events = -1
        self._handler: Callable[[int], None] | None = None
        self._unwatched = False

    def refresh(self) -> None:
        """Wait for what the two flows need now."""
        if self.fd < 0:
            return
        reads = self.read_by
        events = (IN if reads.wanted else 0) | (OUT if self.written_by.backlog else 0)
        handler = reads.forward if events == IN and reads.pipe is None and not reads.deaf else self._on_events
        if events == self._events and handler == self._handler:
            return
        self._events, self._handler = events, handler
        if events or not self._unwatched:
            self._unwatched = False
            self._reactor.watch(self.fd, events, handler)

    def close(self) -> None:
        """Let the socket go."""
        if self.fd >= 0:
            self._reactor.unwatch(self.fd)
            self.fd = -1
            self._handler = None
            self.sock.close()

    def _on_events(self, events: int) -> None:
        if events & ~OUT and self.read_by.wanted:
            self.read_by.read()
        if events & ~IN and self.fd >= 0 and self.written_by.backlog:
            self.written_by.flush()
        if events & GONE and self.fd >= 0 and not self._events:
            self._unwatched = True  # it is reported for ever: look again when there is something to do
            self._reactor.unwatch(self.fd)


class Flow:
    """One direction. ``wanted``: read on; ``ended``: the source said all; ``finished``: the sink was told so."""

    __slots__ = (
        "_accounted",
        "_backlog_bytes",
        "_buffer",
        "_chunk",
        "_due",
        "_held_max",
        "_lost",
        "_owner",
        "_recv_into",
        "_send",
        "_sink",
        "_source",
        "_timer",
        "_to_drain",
        "_traffic",
        "_view",
        "backlog",
        "deaf",
        "ended",
        "finished",
        "pipe",
        "reverse",
        "toxics",
        "wanted",
    )

    reverse: Flow

    def __init__(self, owner: Owner, source: Endpoint, sink: Endpoint, traffic: Traffic) -> None:
        self._owner = owner
        self._source, self._sink = source, sink
        self._recv_into, self._send = source.sock.recv_into, sink.sock.send
        self._buffer, self._view = owner.reactor.buffer, owner.reactor.view
        self._traffic = traffic
        self.toxics: Sequence[ToxicSpec] = ()
        self._timer: Timer | None = None
        self._chunk = _CHUNK_BYTES
        self._held_max = _HELD_BYTES
        self._backlog_bytes = self._accounted = 0
        self._to_drain = _DRAINED_BYTES
        self.backlog: deque[memoryview] = deque()
        self.pipe: Pipe | None = None
        self.wanted = True
        self.deaf = self.ended = self.finished = self._lost = False
        source.read_by = sink.written_by = self

    # -- reading

    def forward(self, _: int) -> None:
        """Pass on what there is, without toxics: the path of nearly every byte."""
        try:
            size = self._recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError:
            self.source_lost()
            return
        if not size:
            self._source_ended()
            return
        self._traffic.received += size
        try:
            sent = self._send(self._view[:size])
        except BlockingIOError:
            sent = 0
        except OSError:
            self._sink_lost()
            return
        self._traffic.sent += sent
        if sent < size:
            self._keep(bytes(self._view[sent:size]))
            self._throttle()

    def read(self) -> None:
        """Take one chunk."""
        if self.pipe is None and not self.deaf:
            self.forward(0)
            return
        try:
            size = self._recv_into(self._buffer, self._chunk)
        except BlockingIOError:
            return
        except OSError:
            self.source_lost()
            return
        if not size:
            self._source_ended()
        elif self.deaf:
            self._drain(size)
        elif self.pipe is not None:
            self._traffic.received += size
            self.pipe.push(self._owner.reactor.now(), bytes(self._view[:size]))
            self.pump()

    def _drain(self, size: int) -> None:
        self._to_drain -= size
        if self._to_drain <= 0:
            self.ended = True
            self.wanted = False
            self._source.refresh()
            self._owner.settle()

    def _source_ended(self) -> None:
        self.ended, self.wanted = True, False
        self._source.refresh()
        if self.pipe is not None:
            self.pipe.push_eof(self._owner.reactor.now())
            self.pump()
        elif not self.deaf:
            self._end_writing()
        self._owner.settle()

    def source_lost(self) -> None:
        """The source reset the connection: its other direction has nobody to write to, and the sink must learn it."""
        if self._lost:
            return
        self._lost = True
        pipe, was_deaf = self.pipe, self.deaf
        self.ended, self.wanted = True, False
        self.reverse.sink_gone()
        self._source.refresh()
        if was_deaf:
            self._owner.settle()
        elif pipe is not None:
            pipe.push_reset(self._owner.reactor.now())
            self.pump()
            self._owner.settle()
        elif not self.backlog:
            self._owner.abort()

    def stop_listening(self) -> None:
        """What still comes is thrown away, up to a limit; what waits to be written is dropped with the toxics."""
        if self.deaf:
            return
        self.deaf = True
        self.wanted = not self.ended
        self._drop_pipe()
        self._source.refresh()

    # -- writing

    def _out(self, data: bytes) -> None:
        sent = 0
        if not self.backlog:
            try:
                sent = self._send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._sink_lost()
                return
            self._traffic.sent += sent
        if sent < len(data):
            self._keep(data[sent:])

    def _keep(self, data: bytes) -> None:
        self.backlog.append(memoryview(data))
        self._backlog_bytes += len(data)
        self._sink.refresh()

    def flush(self) -> None:
        """The sink takes bytes again."""
        while self.backlog:
            data = self.backlog[0]
            try:
                sent = self._send(data)
            except BlockingIOError:
                return
            except OSError:
                self._sink_lost()
                return
            self._traffic.sent += sent
            self._backlog_bytes -= sent
            if sent < len(data):
                self.backlog[0] = data[sent:]
                return
            self.backlog.popleft()
        self._sink.refresh()
        self._throttle()
        if self._lost and self.pipe is None:
            self._owner.abort()
        elif self.finished:
            self._shut()

    def _end_writing(self) -> None:
        """Pass the end on, after what waits."""
        if not self.finished:
            self.finished = True
            if not self.backlog:
                self._shut()

    def end_now(self) -> None:
        """FIN after what is being written, whatever the source may still say."""
        self.stop_listening()
        self._end_writing()

    def _shut(self) -> None:
        with contextlib.suppress(OSError):  # it is gone: there is nobody to tell
            self._sink.sock.shutdown(socket.SHUT_WR)
        self._owner.settle()

    def _sink_lost(self) -> None:
        """The sink reset the connection: tell the other direction, which carries it on."""
        self.sink_gone()
        self.reverse.source_lost()

    def sink_gone(self) -> None:
        """There is nobody to write to any more."""
        self.backlog.clear()
        self._backlog_bytes = 0
        self.stop_listening()

    # -- toxics

    def set_toxics(self, specs: Sequence[ToxicSpec], draw: Draw, *, live: bool) -> None:
        """The toxics from now on; ``live`` if the connection is open already."""
        self.toxics = specs
        if self.deaf or self.finished or (self.pipe is None and not specs):
            return
        now = self._owner.reactor.now()
        if self.pipe is None:
            self.pipe = Pipe(() if live else specs, draw, now)
        if live:
            self.pipe.update(now, specs)
        self._chunk = min(chunk_bytes(spec) for spec in specs) if specs else _CHUNK_BYTES
        self._held_max = held_bytes(specs)
        self.pump()

    def pump(self) -> None:
        """Carry out what the toxics release now."""
        pipe, owner = self.pipe, self._owner
        if pipe is None:
            return
        released = pipe.pop_due(owner.reactor.now())
        if pipe.touched:
            owner.touched(pipe.touched, pipe.touched_bytes)
            pipe.touched.clear()
            pipe.touched_bytes.clear()
        for item in released:
            if isinstance(item, bytes):
                self._out(item)
            elif item is End.EOF:
                self._end_writing()
            elif item is End.CLOSE:
                owner.finish()
            else:
                owner.abort()
            if self.pipe is None:
                return  # the connection ended meanwhile
        if pipe.idle:
            self._drop_pipe()  # the toxics' rolls spared this connection, or they are no more
        else:
            self._set_timer(pipe.next_due())
        self._throttle()
        self._source.refresh()

    def _set_timer(self, due: float | None) -> None:
        reactor = self._owner.reactor
        if self._timer is not None:
            if self._timer.due == due:
                return
            reactor.cancel(self._timer)
            self._timer = None
        if due is not None:
            self._timer = reactor.at(due, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.pump()
        if self.ended:
            self._owner.settle()

    def _throttle(self) -> None:
        """Read on only while what waits is within bounds."""
        pipe, budget = self.pipe, self._owner.budget
        weight = self._backlog_bytes
        if pipe is not None:
            weight += pipe.queued_bytes + _ITEM_BYTES * pipe.queued
        budget.held += weight - self._accounted
        self._accounted = weight
        if pipe is None:
            room = not self.backlog
        else:
            room = weight < (_HELD_BYTES if budget.held > budget.limit else self._held_max)
        wanted = room and not self.ended
        if wanted != self.wanted and not self.deaf:
            self.wanted = wanted
            self._source.refresh()

    def _drop_pipe(self) -> None:
        self.pipe = None
        self._set_timer(None)
        self._throttle()

    # -- the end

    @property
    def over(self) -> bool:
        """Nothing will come of this direction any more."""
        if self.backlog:
            return False
        if self.deaf or self.finished:
            return self.ended
        return self.ended and self.pipe is not None and not self.pipe.queued and self.pipe.next_due() is None

    def close(self) -> None:
        """Let everything go, the source's socket included."""
        self._source.close()
        self.backlog.clear()
        self._backlog_bytes = 0
        self.wanted = False
        self.ended = self.finished = self.deaf = True
        self._drop_pipe()


def chunk_bytes(spec: ToxicSpec) -> int:
    """How much to read at once, so that cutting it up takes little memory and time."""
    if spec.type == "slicer":
        return min(_CHUNK_BYTES, max(256, int(spec.get("average_size")) * 64))
    if spec.type == "bandwidth" and spec.get("rate"):
        return min(_CHUNK_BYTES, max(256, int(spec.get("rate") * 1000)))
    return _CHUNK_BYTES


def held_bytes(specs: Sequence[ToxicSpec]) -> int:
    """How much may wait: a long line holds much, a narrow one pushes back."""
    narrow = any(spec.type in ("bandwidth", "slicer") for spec in specs)
    wide = any(spec.type == "latency" for spec in specs)
    return _UNDER_WAY_BYTES if wide and not narrow else _HELD_BYTES
