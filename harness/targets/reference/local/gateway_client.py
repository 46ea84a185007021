"""Calls the feed gateway's control API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp

from chaos.engine import Evidence
from chaos.errors import InjectionError

__all__ = ["GatewayClient"]

_TIMEOUT_S = 10.0


class GatewayClient:
    """At ``url``. Every method raises `InjectionError` when the gateway refuses or is out of reach."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Closes its connections."""
        if self._session is not None:
            await self._session.close()

    async def install(self, rule: Mapping[str, Any]) -> None:
        """Puts a rule in force."""
        await self._call("PUT", f"/rules/{quote(rule['rule_id'], safe='')}", rule)

    async def uninstall(self, rule_id: str) -> None:
        """Takes a rule out of force, if it is in force."""
        await self._call("DELETE", f"/rules/{quote(rule_id, safe='')}")

    async def evidence(self, rule_id: str) -> Evidence | None:
        """What a rule has touched."""
        found = await self._call("GET", f"/rules/{quote(rule_id, safe='')}/evidence")
        return Evidence(found["touched"], found["what"]) if found and found["touched"] else None

    async def renew_lease(self, lease_id: str, ttl_s: float) -> None:
        """Takes or renews a lease."""
        await self._call("PUT", "/lease", {"lease_id": lease_id, "ttl_s": ttl_s})

    async def _call(self, method: str, path: str, body: Any = None) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S))
        try:
            async with self._session.request(method, self._url + path, json=body) as answer:
                if answer.status == 404:
                    return None
                if answer.status >= 400:
                    raise InjectionError(f"feed gateway: HTTP {answer.status}: {(await answer.text())[:300]}")
                return await answer.json() if answer.content_type == "application/json" else None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise InjectionError(f"feed gateway: {str(error) or type(error).__name__}") from error
