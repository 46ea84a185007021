"""What every request must get past, before any page sees it: the right Host, the right Origin, a size, a rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard", "Rates"]

#: The largest body that is read, in bytes.
MAX_BODY = 16 * 1024
#: Requests that one browser may send at once, and how many a second after that.
BURST, RATE = 60, 20.0
#: Browsers that are told apart; the oldest is forgotten.
_BROWSERS = 1000

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Rates:
    """Lets each browser send so many requests at once, and so many a second.

    >>> now = [0.0]
    >>> rates = Rates(clock=lambda: now[0], burst=2, rate=1.0)
    >>> [rates.allow("a"), rates.allow("a"), rates.allow("a"), rates.allow("b")]
    [True, True, False, True]
    >>> now[0] = 1.0
    >>> rates.allow("a")
    True
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, burst: int = BURST, rate: float = RATE) -> None:
        self._clock = clock
        self._burst = burst
        self._rate = rate
        self._buckets: dict[str, _Bucket] = {}

    def allow(self, browser: str) -> bool:
        """Whether this browser may send one more now."""
        now = self._clock()
        bucket = self._buckets.pop(browser, None) or _Bucket(float(self._burst), now)
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) * self._rate)
        bucket.at = now
        self._buckets[browser] = bucket
        if len(self._buckets) > _BROWSERS:
            del self._buckets[next(iter(self._buckets))]
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True


class _TooLarge(Exception):
    """The body is larger than is read."""


class Guard:
    """ASGI middleware. ``hosts`` are the values of Host that are answered; ``browser`` names who sent a request."""

    def __init__(
        self, app: ASGIApp, *, hosts: Collection[str], rates: Rates, browser: Callable[[Headers], str]
    ) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._rates = rates
        self._browser = browser

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refuse(scope)
        if refusal is not None:
            await refusal(scope, receive, send_with_headers)
            return
        started = False

        async def send_once(message: Message) -> None:
            nonlocal started
            started = True
            await send_with_headers(message)

        try:
            await self._app(scope, _limited(receive), send_once)
        except _TooLarge:
            if not started:
                await PlainTextResponse("too large\n", 413)(scope, receive, send_with_headers)

    def _refuse(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        if headers.getlist("host") == [] or not self._hosts.issuperset(headers.getlist("host")):
            return PlainTextResponse("wrong host: open the address that the command printed\n", 421)
        if not self._rates.allow(self._browser(headers)):
            return PlainTextResponse("too many requests: wait a moment\n", 429, {"retry-after": "1"})
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return PlainTextResponse("not allowed\n", 405)
        if scope["method"] == "POST" and not self._same_site(headers):
            return PlainTextResponse("refused: this came from another site\n", 403)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 9 or int(length) > MAX_BODY:
            return PlainTextResponse("too large\n", 413)
        return None

    def _same_site(self, headers: Headers) -> bool:
        """A browser says where a post comes from; what doesn't say so is not a browser of ours."""
        origin = headers.get("origin")
        if origin is not None:
            return origin == f"http://{headers['host']}"
        return headers.get("sec-fetch-site") == "same-origin"


def _limited(receive: Receive) -> Receive:
    """Stops reading a body that goes on after it should have ended."""
    taken = 0

    async def receive_some() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_BODY:
            raise _TooLarge
        return message

    return receive_some
