"""Two online stores that hold the same: writes go to both, reads to the second where the first fails or is behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from redis.exceptions import RedisError

from reference_pipeline.store.online import MARK, STAMP, OnlineStore

#: Every batch of flights renews the mark: a store whose mark is older than this has missed writes, in seconds.
MARK_OLD_S = 20 * 60
#: A value that is refreshed all the time and is older than this is looked up in the second store too, in seconds.
VALUE_OLD_S = 75 * 60
_REFRESHED = ("f:origin:", "f:weather:")

Entry = tuple[str, Mapping[str, Any], float, int | None]


class ReplicatedStore:
    """As `reference_pipeline.store.online.OnlineStore`, on two of them; ``failovers`` counts reads from the second."""

    def __init__(self, first: OnlineStore, second: OnlineStore, now: Callable[[], float]) -> None:
        self._first = first
        self._second = second
        self._now = now
        self._behind = False
        self.failovers = 0
        self.write_errors = 0

    async def write(self, entries: Iterable[Entry]) -> None:
        """Writes to both. Raises `RedisError` only if neither can be written; a first store that missed something, or
        that comes back empty, is filled from the second before it is written to again."""
        batch = list(entries)
        failed = None
        try:
            await self._second.write(batch)
        except RedisError as error:
            failed = error
        try:
            if failed is None and (self._behind or not await self._first.marked()):
                await self._first.fill(await self._second.dump())
            await self._first.write(batch)
            self._behind = False
        except RedisError:
            self._behind = True
            self.write_errors += 1
            if failed is not None:
                raise

    async def read(self, keys: Sequence[str]) -> list[dict[str, Any] | None]:
        """The values of the keys: of the second store where the first fails, or where its values are older."""
        try:
            *found, mark = await self._first.read([*keys, MARK])
        except (RedisError, OSError):
            self.failovers += 1
            return await self._second.read(keys)
        refreshed = [value for key, value in zip(keys, found, strict=True) if key.startswith(_REFRESHED)]
        if self._age_s(mark) <= MARK_OLD_S and all(self._age_s(value) <= VALUE_OLD_S for value in refreshed):
            return found
        try:
            other = await self._second.read(keys)
        except (RedisError, OSError):
            return found
        better = [b if _stamp(b) > _stamp(a) else a for a, b in zip(found, other, strict=True)]
        self.failovers += better != found
        return better

    def _age_s(self, value: Mapping[str, Any] | None) -> float:
        return self._now() - _stamp(value)

    async def ping(self) -> None:
        """Raises `RedisError` if neither store answers."""
        try:
            await self._first.ping()
        except (RedisError, OSError):
            await self._second.ping()

    async def close(self) -> None:
        """Closes the connections of both."""
        await self._first.close()
        await self._second.close()


def _stamp(value: Mapping[str, Any] | None) -> float:
    try:
        return float((value or {}).get(STAMP, 0.0))
    except (TypeError, ValueError):
        return 0.0
