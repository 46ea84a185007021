"""Toxics: what happens to the bytes of one direction of one connection, as a pure function of time.

Names, attributes and meaning are Toxiproxy's. A `Pipe` does no I/O: the caller pushes what arrived, asks
`Pipe.next_due`, and carries out what `Pipe.pop_due` releases, so that a simulated link and a real proxy share it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class ToxicError(ValueError):
    """A toxic that cannot exist; ``status`` is what an HTTP API answers."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes to send on."""

    data: bytes


class Eof:
    """The direction is over (FIN)."""


class Reset:
    """The connection is reset (RST)."""


Release = Data | type[Eof] | type[Reset] | Eof | Reset

#: Attributes of each type with their defaults; all are non-negative numbers.
ATTRIBUTES: Mapping[str, Mapping[str, float]] = {
    "latency": {"latency": 0, "jitter": 0},
    "bandwidth": {"rate": 0},
    "slow_close": {"delay": 0},
    "timeout": {"timeout": 0},
    "reset_peer": {"timeout": 0},
    "limit_data": {"bytes": 0},
}


@dataclass(frozen=True, slots=True)
class ToxicSpec:
    """One toxic. ``toxicity`` is the share of connections it acts on, rolled once for each.

    >>> ToxicSpec.from_json({"type": "latency", "attributes": {"latency": 100}}).name
    'latency_downstream'
    """

    name: str
    type: str
    stream: str = "downstream"
    toxicity: float = 1.0
    attributes: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> ToxicSpec:
        """Reads Toxiproxy's JSON form; raises `ToxicError` for what Toxiproxy would refuse or choke on."""
        kind = raw.get("type")
        if kind not in ATTRIBUTES:
            raise ToxicError(400, f"invalid toxic type {kind!r}; types: {', '.join(ATTRIBUTES)}")
        stream = raw.get("stream") or "downstream"
        if stream not in ("upstream", "downstream"):
            raise ToxicError(400, "stream was invalid, can be either upstream or downstream")
        toxicity = raw.get("toxicity", 1.0)
        if not isinstance(toxicity, int | float) or not 0 <= toxicity <= 1:
            raise ToxicError(400, f"toxicity must be between 0 and 1, got {toxicity!r}")
        given = raw.get("attributes") or {}
        for key, value in given.items():
            if key not in ATTRIBUTES[kind]:
                raise ToxicError(400, f"unknown attribute {key!r} of toxic {kind!r}")
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ToxicError(400, f"attribute {key!r} must be a number, got {value!r}")
            if not (0 <= value < 2**53 and math.isfinite(value)):
                raise ToxicError(400, f"attribute {key!r} must be a finite number of at least 0, got {value!r}")
        return cls(
            raw.get("name") or f"{kind}_{stream}", kind, stream, float(toxicity), {**ATTRIBUTES[kind], **given}
        )

    def to_json(self) -> dict[str, Any]:
        """Toxiproxy's JSON form."""
        return {
            "name": self.name,
            "type": self.type,
            "stream": self.stream,
            "toxicity": self.toxicity,
            "attributes": dict(self.attributes),
        }

    def get(self, attribute: str) -> float:
        """An attribute, or its default."""
        return self.attributes.get(attribute, ATTRIBUTES[self.type][attribute])


class Pipe:
    """One direction of one connection under a list of toxics, strictly first-in-first-out.

    ``rng`` gives uniform draws in [0, 1): one a toxic for its toxicity, then jitter. Times are seconds.
    ``touched`` counts the chunks that each toxic acted on.
    """

    def __init__(self, specs: Sequence[ToxicSpec], rng: Callable[[], float]) -> None:
        self.touched: dict[str, int] = {}
        self._rng = rng
        self._rolls: dict[str, bool] = {}
        self._queue: deque[tuple[float, bytes | type[Eof] | type[Reset]]] = deque()
        self._last_due = 0.0
        self._passed = 0
        self._cut = False
        self._deadline: float | None = None
        self._deadline_item: type[Eof] | type[Reset] = Eof
        self._specs: list[ToxicSpec] = []
        self._set(specs)

    def _set(self, specs: Sequence[ToxicSpec]) -> None:
        self._specs = []
        for spec in specs:
            if spec.name not in self._rolls:
                self._rolls[spec.name] = self._rng() < spec.toxicity
            if self._rolls[spec.name]:
                self._specs.append(spec)

    @property
    def idle(self) -> bool:
        """No toxic acts and nothing is queued: the caller may bypass the pipe."""
        return not self._specs and not self._queue and not self._cut and self._deadline is None

    def push(self, now: float, data: bytes) -> None:
        """Bytes arrived."""
        due = now
        for spec in self._specs:
            if spec.type == "latency":
                jitter = spec.get("jitter")
                delay = spec.get("latency") + (jitter * (2 * self._rng() - 1) if jitter else 0.0)
                due += max(0.0, delay) / 1000
            elif spec.type == "bandwidth":
                rate = spec.get("rate")
                due = max(due, self._last_due) + len(data) / (rate * 1000) if rate else math.inf
            elif spec.type in ("timeout", "reset_peer"):
                self._start_deadline(now, spec)
                if spec.type == "timeout":
                    self._note(spec)
                    return
            elif spec.type == "limit_data":
                room = int(spec.get("bytes")) - self._passed
                data = data[: max(0, room)]
                self._passed += len(data)
                if room <= len(data):
                    self._note(spec)
                    if data:
                        self._enqueue(due, data)
                    self._enqueue(due, Eof)
                    self._cut = True
                    return
            else:
                continue
            self._note(spec)
        if not self._cut:
            self._enqueue(due, data)

    def push_eof(self, now: float) -> None:
        """The sender is done."""
        due = now
        for spec in self._specs:
            if spec.type == "slow_close":
                due += spec.get("delay") / 1000
                self._note(spec)
            elif spec.type == "timeout":
                self._start_deadline(now, spec)
                self._note(spec)
                return
        if not self._cut:
            self._enqueue(due, Eof)

    def push_reset(self, now: float) -> None:
        """The sender reset the connection."""
        if not any(spec.type == "timeout" for spec in self._specs):
            self._enqueue(now, Reset)

    def update(self, now: float, specs: Sequence[ToxicSpec]) -> None:
        """Changes the toxics while data flows: what is queued is released at once, in order and intact."""
        had_timeout = any(spec.type == "timeout" for spec in self._specs)
        self._set(specs)
        self._queue = deque((now, item) for _, item in self._queue)
        self._last_due = now
        acts = [spec for spec in self._specs if spec.type in ("timeout", "reset_peer")]
        if not acts:
            self._deadline = None
        for spec in acts:
            self._start_deadline(now, spec)
        if had_timeout and not any(spec.type == "timeout" for spec in self._specs):
            self._enqueue(now, Reset)  # bytes were lost: the stream cannot go on

    def next_due(self) -> float | None:
        """When `pop_due` will have something, or None."""
        due = self._queue[0][0] if self._queue else math.inf
        if self._deadline is not None:
            due = min(due, self._deadline)
        return None if due == math.inf else due

    def pop_due(self, now: float) -> list[Release]:
        """What is to be carried out now, in order."""
        released: list[Release] = []
        while self._queue and self._queue[0][0] <= now:
            item = self._queue.popleft()[1]
            released.append(Data(item) if isinstance(item, bytes) else item)
        if self._deadline is not None and self._deadline <= now:
            released.append(self._deadline_item)
            self._deadline = None
            self._cut = True
        return released

    def _start_deadline(self, now: float, spec: ToxicSpec) -> None:
        timeout = spec.get("timeout")
        if spec.type == "timeout" and timeout == 0:
            return
        if spec.type == "reset_peer":
            self._note(spec)
        if self._deadline is None and not self._cut:
            self._deadline = now + timeout / 1000
            self._deadline_item = Eof if spec.type == "timeout" else Reset

    def _note(self, spec: ToxicSpec) -> None:
        self.touched[spec.name] = self.touched.get(spec.name, 0) + 1

    def _enqueue(self, due: float, item: bytes | type[Eof] | type[Reset]) -> None:
        self._last_due = max(due, self._last_due)
        self._queue.append((self._last_due, item))
