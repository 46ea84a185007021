"""HTTP access to a feed: every call has a time-out, and a bounded number of attempts with back-off."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import aiohttp

from reference_pipeline.ingestion.manifest import Manifest, ManifestError
from reference_pipeline.json_text import loads


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How patient the client is; None waits for ever, as a careless client does.

    ``stall_s`` bounds the wait for a connection and for each next piece of an answer, ``timeout_s`` a whole call: a
    source that hangs is given up soon, and one that is slow and gets there is not.
    """

    stall_s: float | None = 5.0
    timeout_s: float | None = 60.0
    attempts: int = 3
    backoff_s: float = 0.5
    backoff_s_max: float = 8.0

    def pause_s(self, attempt: int) -> float:
        """How long to wait after a failed attempt (0 is the first).

        >>> [HttpSettings().pause_s(n) for n in (0, 1, 9)]
        [0.5, 1.0, 8.0]
        """
        return min(self.backoff_s * 2.0 ** min(attempt, 30), self.backoff_s_max)


class FetchError(RuntimeError):
    """A feed could not be read; the message says which URL and what happened."""


class FeedClient:
    """One feed's batches. ``url`` is what ``/batches`` is appended to."""

    def __init__(self, session: aiohttp.ClientSession, url: str, http: HttpSettings) -> None:
        self._session = session
        self._url = url.rstrip("/") + "/batches"
        self._http = http
        self._timeout = aiohttp.ClientTimeout(total=http.timeout_s, sock_connect=http.stall_s, sock_read=http.stall_s)

    def url_of(self, batch_id: str) -> str:
        """Where a batch's payload comes from."""
        return f"{self._url}/{batch_id}"

    async def manifests(self, after: int | None, limit: int) -> list[Manifest]:
        """What is published after a sequence, oldest first. Raises `FetchError`."""
        url = f"{self._url}?limit={limit}" if after is None else f"{self._url}?after={after}&limit={limit}"
        body = await self._get(url)
        if body is None:
            raise FetchError(f"{url}: 404")
        try:
            listed = loads(body)
            if not isinstance(listed, list):
                raise ManifestError("expected an array of manifests")
            manifests = [Manifest.from_json(raw) for raw in listed]
        except (ValueError, RecursionError) as error:
            raise FetchError(f"{url}: {error}") from error
        return sorted(manifests, key=lambda manifest: manifest.sequence)

    async def payload(self, batch_id: str) -> bytes | None:
        """The bytes of a batch, None if the provider doesn't have it. Raises `FetchError`."""
        return await self._get(self.url_of(batch_id))

    async def _get(self, url: str) -> bytes | None:
        reason = ""
        for attempt in range(self._http.attempts):
            if attempt:
                await asyncio.sleep(self._http.pause_s(attempt - 1))
            try:
                async with self._session.get(url, timeout=self._timeout) as response:
                    body = await response.read()
                    if response.status == 200:
                        return body
                    reason = f"HTTP {response.status}"
                    if response.status == 404:
                        return None
                    if response.status < 500 and response.status != 429:
                        break
            except aiohttp.ServerTimeoutError:
                reason = f"nothing came for {self._http.stall_s} s"
            except TimeoutError:
                reason = f"no whole answer within {self._http.timeout_s} s"
            except (aiohttp.ClientError, OSError) as error:
                reason = str(error) or type(error).__name__
        raise FetchError(f"{url}: {reason}")
