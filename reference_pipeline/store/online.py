"""The client of the online feature store: one Redis key an entity, a JSON object with the end of the data behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from reference_pipeline.json_text import dumps, loads

#: The field that says until when the data behind a value goes, in epoch seconds.
STAMP = "_at"
#: The key that every write renews where stores are replicated: who lacks it, or has an old one, has missed something.
MARK = "f:written"


class FeatureStore(Protocol):
    """What the pipeline needs of its online store; ``failovers`` counts reads that a second one had to answer, and
    ``write_errors`` writes that the first one missed."""

    @property
    def failovers(self) -> int: ...

    @property
    def write_errors(self) -> int: ...

    async def write(self, entries: Iterable[tuple[str, Mapping[str, Any], float, int | None]]) -> None:
        """Writes (key, values, stamp in epoch seconds, seconds to live or None); raises `redis.RedisError`."""
        ...

    async def read(self, keys: Sequence[str]) -> list[dict[str, Any] | None]:
        """The values of the keys, None for one that is missing; raises `redis.RedisError`."""
        ...

    async def ping(self) -> None:
        """Raises `redis.RedisError` if the store doesn't answer."""
        ...


class OnlineStore:
    """Reads and writes feature views.

    ``timeout_s`` is the socket time-out, without retries; None leaves redis-py's own defaults, under which a frozen
    server costs the better part of a minute a call. ``time_scale`` is how many seconds of the pipeline's clock pass in
    one of the store's. With ``marks``, each write renews `MARK`.
    """

    failovers = 0
    write_errors = 0

    def __init__(
        self, host: str, port: int = 6379, *, timeout_s: float | None, time_scale: float = 1.0, marks: bool = False
    ) -> None:
        self._marks = marks
        options: dict[str, Any] = {}
        if timeout_s is not None:
            options = {
                "socket_timeout": timeout_s,
                "socket_connect_timeout": timeout_s,
                "retry": Retry(NoBackoff(), 0),
            }
        self._redis = Redis(host=host, port=port, **options)
        self._time_scale = time_scale

    async def write(self, entries: Iterable[tuple[str, Mapping[str, Any], float, int | None]]) -> None:
        """Writes (key, values, stamp in epoch seconds, seconds to live or None); raises `redis.RedisError`."""
        pipeline = self._redis.pipeline(transaction=False)
        lasting: dict[str, bytes] = {}
        latest: float | None = None
        for key, values, through, ttl_s in entries:
            latest = through
            text = dumps({**values, STAMP: through})
            if ttl_s is None:
                lasting[key] = text
            else:
                expiry: Any = self._expiry(ttl_s)
                pipeline.set(key, text, **expiry)
        if self._marks and latest is not None:
            lasting[MARK] = dumps({STAMP: latest})
        if lasting:
            pipeline.mset(lasting)  # a register of thousands, in one command
        await pipeline.execute()

    def _expiry(self, ttl_s: int) -> dict[str, int]:
        """A time to live of the pipeline's clock, for the store's; a replay shortens it."""
        return {"ex": ttl_s} if self._time_scale == 1.0 else {"px": max(round(ttl_s * 1000 / self._time_scale), 1)}

    async def read(self, keys: Sequence[str]) -> list[dict[str, Any] | None]:
        """The values of the keys, None for one that is missing or unreadable; raises `redis.RedisError`."""
        raw = await self._redis.mget(keys)
        return [_decode(item) for item in raw]

    async def marked(self) -> bool:
        """Whether the store has its mark: one that was started empty lacks it. Raises `redis.RedisError`."""
        return bool(await self._redis.exists(MARK))

    async def dump(self) -> dict[str, tuple[bytes | str, int]]:
        """Every value as it is stored, with its seconds to live (-1: for good). Raises `redis.RedisError`."""
        keys = sorted([key async for key in self._redis.scan_iter(count=1000)])
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.ttl(key)
        values, lives = (await self._redis.mget(keys), await pipeline.execute()) if keys else ([], [])
        return {
            _text(key): (value, life)
            for key, value, life in zip(keys, values, lives, strict=True)
            if value is not None and life != -2
        }

    async def fill(self, values: Mapping[str, tuple[bytes | str, int]]) -> None:
        """Takes over another store's `dump`. Raises `redis.RedisError`."""
        pipeline = self._redis.pipeline(transaction=False)
        for key, (value, life) in values.items():
            pipeline.set(key, value, ex=life if life > 0 else None)
        await pipeline.execute()

    async def ping(self) -> None:
        """Raises `redis.RedisError` if the store doesn't answer."""
        await self._redis.ping()

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _decode(item: bytes | str | None) -> dict[str, Any] | None:
    if item is None:
        return None
    try:
        value = loads(item)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
