"""Pipes: what toxics do to the bytes of one direction of one connection, as a pure function of time.

A `Pipe` does no I/O: the caller pushes what arrived, asks `Pipe.next_due`, and carries out what `Pipe.pop_due`
releases, so that a simulated link and a real proxy share it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum

from chaos.network.toxics import ToxicSpec

#: A uniform draw in [0, 1) for a (toxic's name, tick): tick 0 is the toxicity's, later ones are jitter's and slicing's.
Draw = Callable[[str, int], float]


class End(Enum):
    """How a direction of a connection ends."""

    EOF = "eof"  #: The sender's own FIN, passed on: the other direction may go on.
    CLOSE = "close"  #: A toxic ends the connection, in order: FIN to both sides.
    RESET = "reset"  #: RST to both sides.


_Timed = tuple[float, "bytes | End"]


class _Stage:
    """What one toxic does to one direction of one connection: maps (time, item) to later ones, in order."""

    def __init__(self, spec: ToxicSpec, draw: Draw) -> None:
        self.spec = spec
        self.free_at = 0.0  # what enters leaves no earlier than this
        self.acted = 0
        self.acted_bytes = 0
        self.dropped = 0
        self.dropped_seen = 0
        self.deadline: float | None = None
        self.deadline_end = End.CLOSE
        self._draw = draw
        self._tick = 0

    def meets(self, now: float, *, live: bool) -> None:
        """The toxic begins to act, or changed; ``live`` if on a connection that was open already."""

    def feed(self, at: float, data: bytes) -> Iterable[_Timed]:
        """Bytes reach the stage."""
        return ((max(at, self.free_at), data),)

    def end(self, at: float, end: End) -> Iterable[_Timed]:
        """The end of the direction reaches the stage."""
        return ((max(at, self.free_at), end),)

    def spread(self) -> float:
        """A draw in [-1, 1)."""
        self._tick += 1
        return 2.0 * self._draw(self.spec.name, self._tick) - 1.0


class _Latency(_Stage):
    def feed(self, at: float, data: bytes) -> Iterable[_Timed]:
        jitter = self.spec.get("jitter")
        delay_ms = self.spec.get("latency") + (jitter * self.spread() if jitter else 0.0)
        if delay_ms > 0:
            self.acted += 1
            at += delay_ms / 1000
        self.free_at = max(at, self.free_at)
        return ((self.free_at, data),)


class _Bandwidth(_Stage):
    """The delay precedes the bytes, which leave in pieces of at most 100 ms."""

    def feed(self, at: float, data: bytes) -> Iterable[_Timed]:
        self.acted += 1
        rate = self.spec.get("rate") * 1000
        if not rate:
            self.free_at = math.inf
            yield math.inf, data
            return
        piece = max(1, int(rate / 10))
        for start in range(0, len(data), piece):
            part = data[start : start + piece]
            self.free_at = max(at, self.free_at) + len(part) / rate
            yield self.free_at, part


class _Slicer(_Stage):
    """Slices of ``average_size`` +- ``size_variation``, each but the first ``delay`` us after the one before."""

    def feed(self, at: float, data: bytes) -> Iterable[_Timed]:
        average, variation = int(self.spec.get("average_size")), int(self.spec.get("size_variation"))
        self.acted += 1
        leaves, start = max(at, self.free_at), 0
        while start < len(data):
            size = average + (math.floor(variation * self.spread() + 0.5) if variation else 0)
            yield leaves, data[start : start + size]
            start += size
            leaves += self.spec.get("delay") / 1e6
            self.free_at = leaves


class _SlowClose(_Stage):
    def end(self, at: float, end: End) -> Iterable[_Timed]:
        if end is not End.RESET:
            self.acted += 1
            at += self.spec.get("delay") / 1000
        return ((max(at, self.free_at), end),)


class _LimitData(_Stage):
    def __init__(self, spec: ToxicSpec, draw: Draw) -> None:
        super().__init__(spec, draw)
        self._passed = 0

    def feed(self, at: float, data: bytes) -> Iterable[_Timed]:
        room = max(0, int(self.spec.get("bytes")) - self._passed)
        part = data[:room]
        self._passed += len(part)
        self.dropped += len(data) - len(part)
        at = max(at, self.free_at)
        if part:
            yield at, part
        if room <= len(data):
            self.acted += 1
            yield at, End.CLOSE


class _Timeout(_Stage):
    """A black hole that ends the connection after a while, or (0) never."""

    def meets(self, now: float, *, live: bool) -> None:
        timeout_ms = self.spec.get("timeout")
        self.deadline = now + timeout_ms / 1000 if timeout_ms else None

    def feed(self, at: float, data: bytes) -> Iterable[_Timed]:
        self.acted += 1
        self.dropped += len(data)
        return ()

    def end(self, at: float, end: End) -> Iterable[_Timed]:
        self.acted += 1
        return ()


class _ResetPeer(_Stage):
    """RST after a while: from now on a connection that is open already, else from its first bytes."""

    def __init__(self, spec: ToxicSpec, draw: Draw) -> None:
        super().__init__(spec, draw)
        self.deadline_end = End.RESET

    def meets(self, now: float, *, live: bool) -> None:
        if live or self.deadline is not None:
            self.deadline = now + self.spec.get("timeout") / 1000

    def feed(self, at: float, data: bytes) -> Iterable[_Timed]:
        self.dropped += len(data)
        return self.end(at, End.EOF)

    def end(self, at: float, end: End) -> Iterable[_Timed]:
        if self.deadline is None:
            self.deadline = at + self.spec.get("timeout") / 1000
        return ()


_STAGES: Mapping[str, type[_Stage]] = {
    "latency": _Latency,
    "bandwidth": _Bandwidth,
    "slow_close": _SlowClose,
    "timeout": _Timeout,
    "reset_peer": _ResetPeer,
    "slicer": _Slicer,
    "limit_data": _LimitData,
}


class Pipe:
    """One direction of one connection under a list of toxics, strictly first-in-first-out. Times are seconds.

    ``touched`` counts the chunks and ends that each toxic acted on, ``touched_bytes`` the bytes in them, ``dropped``
    the bytes that were swallowed; the caller may reset all three. ``queued_bytes`` is what waits to be released.

    >>> slow = ToxicSpec("slow", "latency", attributes={"latency": 250})
    >>> pipe = Pipe([slow], draw=lambda name, tick: 0.5)
    >>> pipe.push(10.0, b"hello")
    >>> pipe.next_due(), pipe.pop_due(10.25)
    (10.25, [b'hello'])
    """

    def __init__(self, specs: Sequence[ToxicSpec], draw: Draw, now: float = 0.0) -> None:
        self.touched: dict[str, int] = {}
        self.touched_bytes: dict[str, int] = {}
        self.dropped = 0
        self.queued_bytes = 0
        self._draw = draw
        self._queue: deque[_Timed] = deque()
        self._stages: list[_Stage] = []
        self._over = False
        self._install(now, specs, live=False)

    @property
    def idle(self) -> bool:
        """No toxic acts and nothing is queued: the caller may bypass the pipe."""
        return not self._stages and not self._queue and not self._over

    @property
    def queued(self) -> int:
        """How many chunks and ends wait to be released."""
        return len(self._queue)

    def push(self, now: float, data: bytes) -> None:
        """Bytes arrived."""
        self._run(now, data)

    def push_eof(self, now: float) -> None:
        """The sender is done."""
        self._run(now, End.EOF)

    def push_reset(self, now: float) -> None:
        """The sender reset the connection; a stalled direction carries no reset either."""
        self._run(now, End.RESET)

    def update(self, now: float, specs: Sequence[ToxicSpec]) -> None:
        """Changes the toxics while data flows: what is queued is released at once, in order and intact.

        Taking a ``timeout`` or ``reset_peer`` away ends the connection if it swallowed bytes (RST: the stream has a
        hole) and, for a ``timeout``, also if it did not (FIN, as Toxiproxy does).
        """
        self._queue = deque((now, item) for _, item in self._queue)
        before = self._stages
        self._install(now, specs, live=True)
        gone = [stage for stage in before if stage not in self._stages and isinstance(stage, _Timeout | _ResetPeer)]
        if gone and not self._over:
            if any(stage.dropped for stage in gone):
                self._finish(now, End.RESET)
            elif closing := [stage for stage in gone if isinstance(stage, _Timeout)]:
                self._finish(now, End.CLOSE)
                for stage in closing:  # whoever was silent all along has to connect anew
                    stage.acted += 1
                    self._note(stage)

    def next_due(self) -> float | None:
        """When `pop_due` will have something, or None."""
        due = self._queue[0][0] if self._queue else math.inf
        for stage in self._stages:
            if stage.deadline is not None and stage.deadline < due:
                due = stage.deadline
        return None if due == math.inf else due

    def pop_due(self, now: float) -> list[bytes | End]:
        """What is to be carried out now, in order."""
        released: list[bytes | End] = []
        while self._queue and self._queue[0][0] <= now:
            item = self._queue.popleft()[1]
            if isinstance(item, bytes):
                self.queued_bytes -= len(item)
            released.append(item)
        for stage in self._stages:
            if stage.deadline is not None and stage.deadline <= now:
                stage.acted += 1
                self._note(stage)
                self.dropped += self.queued_bytes
                self.queued_bytes = 0
                self._queue.clear()
                self._finish(now, stage.deadline_end)
                released.append(self._queue.popleft()[1])
                break
        return released

    def _install(self, now: float, specs: Sequence[ToxicSpec], *, live: bool) -> None:
        kept = {(stage.spec.name, stage.spec.type): stage for stage in self._stages}
        stages = []
        for spec in specs:
            if self._draw(spec.name, 0) >= spec.toxicity:
                continue
            stage = kept.get((spec.name, spec.type))
            if stage is None:
                stage = _STAGES[spec.type](spec, self._draw)
                stage.meets(now, live=live)
            elif stage.spec != spec:
                stage.spec = spec
                stage.meets(now, live=live)
            stage.free_at = now
            stages.append(stage)
        self._stages = [] if self._over else stages

    def _run(self, now: float, item: bytes | End) -> None:
        if self._over:
            self.dropped += len(item) if isinstance(item, bytes) else 0
            return
        items: Iterable[_Timed] = ((now, item),)
        for stage in self._stages:
            items = list(_through(stage, items))
            self._note(stage)
        for due, out in items:
            if self._over:
                self.dropped += len(out) if isinstance(out, bytes) else 0
            elif isinstance(out, bytes):
                self._queue.append((self._monotone(due), out))
                self.queued_bytes += len(out)
            else:
                self._end(due, out)

    def _end(self, due: float, end: End) -> None:
        self._queue.append((self._monotone(due), end))
        if end is not End.EOF:
            self._over = True

    def _finish(self, now: float, end: End) -> None:
        """The connection ends here: nothing acts on it any more."""
        self._end(now, end)
        self._stages = []

    def _monotone(self, due: float) -> float:
        return max(due, self._queue[-1][0]) if self._queue else due

    def _note(self, stage: _Stage) -> None:
        if stage.acted:
            self.touched[stage.spec.name] = self.touched.get(stage.spec.name, 0) + stage.acted
            stage.acted = 0
        if stage.acted_bytes:
            self.touched_bytes[stage.spec.name] = self.touched_bytes.get(stage.spec.name, 0) + stage.acted_bytes
            stage.acted_bytes = 0
        self.dropped += stage.dropped - stage.dropped_seen
        stage.dropped_seen = stage.dropped


def _through(stage: _Stage, items: Iterable[_Timed]) -> Iterable[_Timed]:
    for at, item in items:
        if isinstance(item, bytes):
            before = stage.acted
            yield from stage.feed(at, item)
            if stage.acted != before:
                stage.acted_bytes += len(item)
        else:
            yield from stage.end(at, item)
