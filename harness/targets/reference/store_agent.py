"""Faults on the data of the feature store: an ordinary Redis client that keeps chosen keys as they were."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chaos.errors import InjectionError

#: How often held keys are looked after, in seconds: for so long a reader may see a fresh value.
EVERY_S = 5.0


@dataclass(slots=True)
class _Hold:
    entries: Mapping[str, str]
    fresh: dict[str, str] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None


class StoreAgent:
    """``on_overwritten`` is told (hold id, keys) whenever newer values were put back to the old ones."""

    def __init__(self, redis: Redis, on_overwritten: Callable[[str, int], None], *, every_s: float = EVERY_S) -> None:
        self._redis = redis
        self._every_s = every_s
        self._on_overwritten = on_overwritten
        self._holds: dict[str, _Hold] = {}

    async def entries(self) -> dict[str, str]:
        """Every text value of the store."""
        keys = sorted([_text(key) async for key in self._redis.scan_iter(count=1000)])
        values = await self._redis.mget(keys) if keys else []
        return {key: _text(value) for key, value in zip(keys, values, strict=True) if value is not None}

    def hold(self, hold_id: str, entries: Mapping[str, str]) -> None:
        """Keeps keys at these values until `release`."""
        if hold_id not in self._holds:
            hold = self._holds[hold_id] = _Hold(dict(entries))
            hold.task = asyncio.get_running_loop().create_task(self._keep(hold_id, hold))

    async def release(self, hold_id: str) -> None:
        """Lets the keys go, each with the newest value that the pipeline had written for it.

        Raises ``RedisError`` if the store is out of reach; the keys are let go all the same, and another call puts the
        values back.
        """
        hold = self._holds.get(hold_id)
        if hold is None:
            return
        if hold.task is not None:
            hold.task.cancel()
            hold.task = None
        if hold.fresh:
            await self._put(hold.fresh)
        del self._holds[hold_id]

    async def _put(self, values: Mapping[str, str]) -> None:
        """Writes values without changing when they expire; a key that is gone meanwhile stays gone."""
        pipeline = self._redis.pipeline(transaction=False)
        for key, value in sorted(values.items()):
            pipeline.set(key, value, keepttl=True, xx=True)
        await pipeline.execute()

    async def _keep(self, hold_id: str, hold: _Hold) -> None:
        keys = list(hold.entries)
        while keys:
            await asyncio.sleep(self._every_s)
            try:
                current: list[Any] = await self._redis.mget(keys)
                changed = {
                    key: _text(value)
                    for key, value in zip(keys, current, strict=True)
                    if value is not None and _text(value) != hold.entries[key]
                }
                if changed:
                    await self._put({key: hold.entries[key] for key in changed})
            except RedisError:
                continue  # the store is out of reach: nobody reads from it either
            hold.fresh.update(changed)
            if changed:
                self._on_overwritten(hold_id, len(changed))


@contextmanager
def store_errors() -> Iterator[None]:
    """What the store's client raises, as what an engine expects of a driver."""
    try:
        yield
    except RedisError as error:
        raise InjectionError(f"feature store: {str(error) or type(error).__name__}") from error


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
