"""Requests of those who are no users: more of the same, unreadable, slow, or asked to learn the model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from harness.targets.reference.bodies import Flight, altered, bodies_of

#: The host that they come from.
CROWD = "crowd"
_PATIENCE_S = 10.0


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
        self._alterations: dict[str, Mapping[str, Any]] = {}

    def altered(self, flight: dict[str, Any]) -> dict[str, Any]:
        """A user's request as it arrives."""
        for alter_id, how in self._alterations.items():
            if (changed := altered(flight, how)) is not None:
                flight = dict(changed)
                self._on_touched(alter_id, "requests", 1)
        return flight

    def alter(self, how: Mapping[str, Any]) -> None:
        """From now on users' requests are changed: ``alter_id``, field, factor, rate, seed."""
        self._alterations[how["alter_id"]] = how

    def unalter(self, alter_id: str) -> None:
        """No longer; nothing happens if they weren't."""
        self._alterations.pop(alter_id, None)

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
        bodies = bodies_of(load, self._flights)
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
