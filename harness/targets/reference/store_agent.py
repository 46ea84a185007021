"""Faults on the data of the feature store: an ordinary Redis client that keeps chosen keys as they were."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chaos.errors import InjectionError

#: How often held keys are looked after, in seconds: for so long a reader may see a fresh value.
EVERY_S = 5.0


class StoreAgent:
    """``on_overwritten`` is told (hold id, keys) whenever values were put back to the old ones.

    Where several hold a key the newest one has it. What the pipeline wrote for it meanwhile is remembered once for all
    of them, and comes back when the last one lets it go.
    """

    def __init__(self, redis: Redis, on_overwritten: Callable[[str, int], None], *, every_s: float = EVERY_S) -> None:
        self._redis = redis
        self._every_s = every_s
        self._on_overwritten = on_overwritten
        self._holds: dict[str, Mapping[str, str]] = {}
        self._fresh: dict[str, str] = {}
        self._put_here: dict[str, frozenset[str]] = {}
        self._owed: dict[str, frozenset[str]] = {}
        self._keeping: asyncio.Task[None] | None = None

    async def entries(self) -> dict[str, str]:
        """Every text value of the store."""
        keys = sorted([_text(key) async for key in self._redis.scan_iter(count=1000)])
        return await self._values(keys)

    def hold(self, hold_id: str, entries: Mapping[str, str]) -> None:
        """Keeps keys at these values until `release`."""
        if hold_id not in self._holds and hold_id not in self._owed:
            self._holds[hold_id] = dict(entries)
            self._go_on()

    async def release(self, hold_id: str) -> None:
        """Lets the keys go, each with the newest value that the pipeline had written for it, or with another hold's.

        Raises ``RedisError`` if the store is out of reach; the keys are let go all the same, and another call puts the
        values back.
        """
        if hold_id not in self._holds and hold_id not in self._owed:
            return
        await self._pause()
        try:
            released = frozenset(self._holds.pop(hold_id, ())) | self._owed.get(hold_id, frozenset())
            self._owed[hold_id] = released & self._put_here.keys()
            await self._give_back(self._owed[hold_id] - self._wanted().keys())
            await self._look()
            del self._owed[hold_id]
        finally:
            self._go_on()

    async def _give_back(self, keys: Collection[str]) -> None:
        """Undoes what was put there; what the pipeline has written since is newer than anything remembered."""
        current = await self._values(keys)
        ours: Collection[str] = [key for key, value in current.items() if value in self._put_here[key]]
        while ours:
            ours = await self._put({key: self._fresh[key] for key in ours})
        for key in keys:
            del self._put_here[key], self._fresh[key]

    def _wanted(self) -> dict[str, tuple[str, str]]:
        """The keys that are held: by whom, and at what value."""
        return {key: (hold_id, value) for hold_id, held in self._holds.items() for key, value in held.items()}

    async def _look(self) -> None:
        """Puts back what is not as it is wanted, and remembers what the pipeline had written there."""
        wanted = self._wanted()
        keys_of: dict[str, dict[str, str]] = {}
        for key, value in (await self._values(wanted)).items():
            hold_id, old = wanted[key]
            if value == old:
                continue
            if value not in self._put_here.get(key, ()):
                self._fresh[key] = value
            keys_of.setdefault(hold_id, {})[key] = old
        for hold_id, values in keys_of.items():
            await self._put(values)
            self._on_overwritten(hold_id, len(values))

    async def _values(self, keys: Collection[str]) -> dict[str, str]:
        """What the store has of them."""
        found: list[Any] = await self._redis.mget(list(keys)) if keys else []
        return {key: _text(value) for key, value in zip(keys, found, strict=True) if value is not None}

    async def _put(self, values: Mapping[str, str]) -> list[str]:
        """Writes values without changing when they expire; a key that is gone meanwhile stays gone.

        The keys in whose place there was something else than was known: the pipeline wrote it in the last moment, and
        it is remembered.
        """
        pipeline = self._redis.pipeline(transaction=False)
        for key, value in sorted(values.items()):
            self._put_here[key] = self._put_here.get(key, frozenset()) | {value}  # whether it arrives or not
            pipeline.set(key, value, keepttl=True, xx=True, get=True)
        replaced = dict(zip(sorted(values), await pipeline.execute(), strict=True))
        met = {key: _text(was) for key, was in replaced.items() if was is not None}
        late = {key: was for key, was in met.items() if was not in {*self._put_here[key], self._fresh[key]}}
        self._fresh |= late
        self._put_here |= {key: frozenset({value}) for key, value in values.items()}
        return list(late)

    def _go_on(self) -> None:
        if self._keeping is None and any(self._holds.values()):
            self._keeping = asyncio.get_running_loop().create_task(self._keep())

    async def _pause(self) -> None:
        """Until `_go_on` nobody looks: also not with an answer of the store that is still under way."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            keeping.cancel()
            await asyncio.wait({keeping})

    async def _keep(self) -> None:
        me = asyncio.current_task()
        while self._keeping is me:  # being cancelled can get lost within `asyncio.wait_for`, which the client uses
            await asyncio.sleep(self._every_s)
            with suppress(RedisError):  # the store is out of reach: nobody reads from it either
                await self._look()


@contextmanager
def store_errors() -> Iterator[None]:
    """What the store's client raises, as what an engine expects of a driver."""
    try:
        yield
    except RedisError as error:
        raise InjectionError(f"feature store: {str(error) or type(error).__name__}") from error


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
