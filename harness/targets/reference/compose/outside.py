"""The ways into the containers' network: HTTP to the gateway, the outpost and Toxiproxy, through loopback ports."""

from __future__ import annotations

import json
from typing import Any

import aiohttp

from chaos.errors import InjectionError

__all__ = ["Caller"]

_TIMEOUT_S = 10.0


class Caller:
    """Calls a JSON API. Whatever goes wrong is an `InjectionError` that names ``what`` was called."""

    def __init__(self, what: str, base: str) -> None:
        self._what = what
        self._base = base

    async def __call__(self, method: str, path: str, body: Any = None, *, missing_ok: bool = False) -> Any:
        """The decoded answer; None for an empty one, or for a 404 with ``missing_ok``."""
        text = await self.text(method, path, body, missing_ok=missing_ok)
        if not text:
            return None
        try:
            return json.loads(text)
        except ValueError:
            raise InjectionError(f"{self._what}: {path} does not answer in JSON: {text[:200]!r}") from None

    async def text(self, method: str, path: str, body: Any = None, *, missing_ok: bool = False) -> str | None:
        """The answer as it is."""
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.request(method, self._base + path, json=body) as answer,
            ):
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise InjectionError(f"{self._what}: {str(error) or type(error).__name__}") from error
        if answer.status == 404 and missing_ok:
            return None
        if answer.status >= 400:
            raise InjectionError(f"{self._what}: HTTP {answer.status}: {text[:300]}")
        return text
