"""How the gateway asks a source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import aiohttp


@dataclass(frozen=True, slots=True)
class Fetched:
    """A source's answer."""

    status: int
    content_type: str
    body: bytes


class Fetcher(Protocol):
    """Gets a URL. Raises ``TimeoutError`` or another ``OSError`` if there is no answer."""

    async def __call__(self, url: str) -> Fetched:
        """The answer, whatever its status."""
        ...


class SessionFetcher:
    """A `Fetcher` on an aiohttp session, which stays its owner's to close. Answers over ``body_max`` bytes fail."""

    def __init__(self, session: aiohttp.ClientSession, *, timeout_s: float = 30.0, body_max: int = 1 << 30) -> None:
        import aiohttp

        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._body_max = body_max
        self._failures = aiohttp.ClientError

    async def __call__(self, url: str) -> Fetched:
        try:
            async with self._session.get(url, timeout=self._timeout) as answer:
                body = await self._read(answer)
                return Fetched(answer.status, answer.headers.get("content-type", ""), body)
        except TimeoutError:
            raise TimeoutError(f"no answer within {self._timeout.total:g} s") from None
        except self._failures as error:
            raise ConnectionError(str(error) or type(error).__name__) from error

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        chunks, total = [], 0
        async for chunk in answer.content.iter_any():
            chunks.append(chunk)
            total += len(chunk)
            if total > self._body_max:
                raise ConnectionError(f"its answer is over {self._body_max} bytes")
        return b"".join(chunks)
