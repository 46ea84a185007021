"""Requests of those who are no users: more of the same, unreadable, slow, or asked to learn the model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from itertools import cycle, product
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from chaos.rng import uniform

#: The host that they come from.
CROWD = "crowd"
_PATIENCE_S = 10.0
_HUGE = 1 << 20

Flight = Mapping[str, Any]


class Crowd:
    """``flights`` are what users ask about; ``on_touched`` is told (load id, what, how many) of each request.

    ``spawn`` starts a task on the crowd's host; ``time_scale`` is how many seconds of the replay pass in one of the
    loop's, and ``address`` where its connections come from, if that matters.
    """

    def __init__(
        self,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        url: str,
        flights: Sequence[Flight],
        on_touched: Callable[[str, str, int], None],
        *,
        time_scale: float = 1.0,
        address: str | None = None,
    ) -> None:
        self._spawn = spawn
        self._time_scale = time_scale
        self._from = None if address is None else (address, 0)
        self._url = url
        self._flights = flights
        self._on_touched = on_touched
        self._running: dict[str, list[asyncio.Task[None]]] = {}
        #: By id, what is changed of the users' own requests: field, factor, rate, seed.
        self.alterations: dict[str, Mapping[str, Any]] = {}

    def altered(self, flight: dict[str, Any]) -> dict[str, Any]:
        """A user's request as it arrives."""
        for alter_id, how in self.alterations.items():
            value = flight.get(how["field"])
            hit = uniform(how["seed"], "alter", flight["flight_id"]) < how["rate"]
            if hit and isinstance(value, int | float):
                flight = {**flight, how["field"]: value * how["factor"]}
                self._on_touched(alter_id, "requests", 1)
        return flight

    def begin(self, load: Mapping[str, Any]) -> None:
        """Starts a load; nothing happens a second time."""
        if load["load_id"] not in self._running:
            self._running[load["load_id"]] = []
            self._running[load["load_id"]].append(self._spawn(self._send(load)))

    def end(self, load_id: str) -> None:
        """Ends a load, with what is under way."""
        for task in self._running.pop(load_id, []):
            task.cancel()

    def end_all(self) -> None:
        """Ends every load."""
        for load_id in list(self._running):
            self.end(load_id)

    async def _send(self, load: Mapping[str, Any]) -> None:
        load_id, pause_s = load["load_id"], 60.0 / load["per_minute"] / self._time_scale
        bodies = self._bodies(load)
        one = self._slowly if load["kind"] == "slow_clients" else self._at_once
        connector = aiohttp.TCPConnector(limit=load["clients"], local_addr=self._from)
        async with aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(total=_PATIENCE_S)
        ) as session:
            while True:
                self._keep(load_id, asyncio.ensure_future(one(session, next(bodies), load)))
                self._on_touched(load_id, "requests", 1)
                await asyncio.sleep(pause_s)

    def _keep(self, load_id: str, task: asyncio.Task[None]) -> None:
        """Remembers a request that is under way, for the end of its load."""
        tasks = self._running.get(load_id, [])
        tasks.append(task)

        def forget(done: asyncio.Task[None]) -> None:
            if done in tasks:
                tasks.remove(done)

        task.add_done_callback(forget)

    async def _at_once(self, session: aiohttp.ClientSession, body: bytes, load: Mapping[str, Any]) -> None:
        try:
            async with session.post(self._url, data=body, headers={"content-type": "application/json"}) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return

    async def _slowly(self, session: aiohttp.ClientSession, body: bytes, load: Mapping[str, Any]) -> None:
        """Sends a request a byte at a time; gives up when the server does."""
        where = urlsplit(self._url)
        head = f"POST {where.path} HTTP/1.1\r\nHost: {where.hostname}\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            reader, writer = await asyncio.open_connection(where.hostname, where.port, local_addr=self._from)
        except OSError:
            return
        try:
            for byte in head.encode() + body:
                if reader.at_eof() or writer.is_closing():
                    break
                writer.write(bytes([byte]))
                await asyncio.sleep(load["pause_s"])
        finally:
            writer.close()

    def _bodies(self, load: Mapping[str, Any]) -> Iterator[bytes]:
        if load["kind"] == "malformed":
            return (_broken(flight, load["shape"]) for flight in cycle(self._flights))
        if load["kind"] == "extraction":
            asked = _grid(self._flights) if load["around"] == "grid" else _neighbours(self._flights[0])
            return (json.dumps(flight).encode() for flight in asked)
        return (json.dumps(flight).encode() for flight in cycle(self._flights))


def _broken(flight: Flight, shape: str) -> bytes:
    """A request that can't be read.

    >>> _broken({"distance": 7.0, "dest": "LAX"}, "types")
    b'{"distance": "seven", "dest": "LAX"}'
    """
    if shape == "types":
        return json.dumps({**flight, "distance": "seven"}).encode()
    if shape == "missing":
        return json.dumps({name: value for name, value in flight.items() if name != "origin"}).encode()
    if shape == "huge":
        return json.dumps({**flight, "carrier": "A" * _HUGE}).encode()
    text = json.dumps(dict(flight)).encode()
    return text[: len(text) // 2]


def _grid(flights: Sequence[Flight]) -> Iterator[Flight]:
    """Every combination of what the requests hold, for ever."""
    names = ("origin", "dest", "carrier", "distance")
    values = [list(dict.fromkeys(flight[name] for flight in flights)) for name in names]
    for combination in cycle(product(*values)):
        yield {**flights[0], **dict(zip(names, combination, strict=True))}


def _neighbours(flight: Flight) -> Iterator[Flight]:
    """One flight, a little earlier or later, nearer or farther, for ever."""
    for minutes, miles in cycle(product(range(-60, 61, 5), range(-20, 21, 4))):
        yield {**flight, "sched_dep": flight["sched_dep"] + 60 * minutes, "distance": flight["distance"] + miles}
