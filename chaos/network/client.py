"""A client of the control API: it drives the embedded proxy and a real Toxiproxy alike. Needs the extra ``live``."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from chaos.errors import ChaosError
from chaos.network.proof import ProxyEvidence
from chaos.network.toxics import ToxicError, ToxicSpec

if TYPE_CHECKING:
    import httpx

#: How long the control API may take to answer; a real Toxiproxy can hang for 25 s.
TIMEOUT_S = 5.0
_POLL_S = 0.02


class ProxyError(ChaosError):
    """The control API refused, or could not be reached; ``status`` is HTTP's, 0 without an answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class ProxyClient:
    """Talks to the control API at ``url``, such as ``http://127.0.0.1:8474``.

    Every method raises `ProxyError`; answers are Toxiproxy's JSON. Calls block for at most some ``timeout_s``; several
    threads may share a client. Removing what is not there is no error: whoever undoes something may have to do it
    twice. The proxies of the environment (``HTTP_PROXY``) are not used.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S, transport: httpx.BaseTransport | None = None) -> None:
        self.url = _checked_url(url)
        self._httpx = _import_httpx()
        self._http = self._httpx.Client(base_url=self.url, timeout=timeout_s, transport=transport, trust_env=False)
        self._has_leases: bool | None = None

    def close(self) -> None:
        """Close the connections to the control API."""
        self._http.close()

    def __enter__(self) -> ProxyClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    # -- the server

    def version(self) -> str:
        """The version of Toxiproxy that answers, or whose API does."""
        answer = self._ask("GET", "/version")
        if not isinstance(answer, dict) or "version" not in answer:
            raise ProxyError(0, f"{self.url} is no proxy server: it does not tell its version")
        return str(answer["version"])

    def wait_until_ready(self, within_s: float = 10.0) -> str:
        """Wait for a server that is just being started; its version. Raises what the last attempt did."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                return self.version()
            except ProxyError as error:
                if error.status or time.monotonic() >= deadline:
                    raise
            time.sleep(_POLL_S)

    # -- proxies

    def proxies(self) -> dict[str, dict[str, Any]]:
        """Every proxy by name."""
        found: dict[str, dict[str, Any]] = self._ask("GET", "/proxies")
        return found

    def proxy(self, name: str) -> dict[str, Any]:
        """One proxy."""
        return self._object("GET", _path(name))

    def create(self, name: str, upstream: str, *, listen: str = "127.0.0.1:0", enabled: bool = True) -> dict[str, Any]:
        """A new proxy; its ``listen`` has the real port."""
        body = {"name": name, "upstream": upstream, "listen": listen, "enabled": enabled}
        return self._object("POST", "/proxies", body)

    def populate(self, proxies: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Create proxies, and replace those that differ from what is asked for; those that fit keep their connections.

        A proxy's ``toxics`` become its only ones; if it doesn't say, those that it has stay. The embedded proxy does
        all or nothing; a real Toxiproxy stops at the first proxy that it refuses, and gets the toxics one by one.
        """
        toxics = [[_spec(toxic) for toxic in proxy.get("toxics") or ()] for proxy in proxies]
        made = list(self._ask("POST", "/populate", [dict(proxy) for proxy in proxies])["proxies"] or [])
        for position, wanted in enumerate(toxics):
            known = [_spec(toxic) for toxic in made[position]["toxics"]]
            if wanted and {spec.name: spec for spec in wanted} != {spec.name: spec for spec in known}:
                name = made[position]["name"]
                for spec in known:
                    self.remove_toxic(name, spec.name)
                for spec in wanted:
                    self.add_toxic(name, spec)
                made[position] = self.proxy(name)
        return made

    def update(
        self,
        name: str,
        *,
        listen: str | None = None,
        upstream: str | None = None,
        enabled: bool | None = None,
        lease: str | None = None,
    ) -> dict[str, Any]:
        """Change what is given. What is disabled under a ``lease`` is enabled when it lapses (embedded proxy only)."""
        given = {"listen": listen, "upstream": upstream, "enabled": enabled, "lease": lease}
        return self._object("PATCH", _path(name), {key: value for key, value in given.items() if value is not None})

    def delete(self, name: str) -> None:
        """Remove a proxy."""
        self._ask("DELETE", _path(name), missing_ok=True)

    def reset(self) -> None:
        """Enable every proxy, remove every toxic."""
        self._ask("POST", "/reset")

    # -- toxics

    def toxics(self, name: str) -> list[dict[str, Any]]:
        """The toxics of a proxy: upstream in order, then downstream."""
        found: list[dict[str, Any]] = self._ask("GET", _path(name, "toxics"))
        return found

    def add_toxic(self, name: str, toxic: ToxicSpec | Mapping[str, Any], *, lease: str | None = None) -> dict[str, Any]:
        """Add a toxic. It goes with its ``lease`` (a real Toxiproxy keeps it for ever).

        A toxic is checked before it is sent: a real Toxiproxy takes some that bring it down.
        """
        spec = _spec(toxic)
        body = spec.to_json() if lease is None else {**spec.to_json(), "lease": lease}
        return self._object("POST", _path(name, "toxics"), body)

    def update_toxic(
        self, name: str, toxic: str, *, attributes: Mapping[str, float] | None = None, toxicity: float | None = None
    ) -> dict[str, Any]:
        """Change some attributes, or the toxicity."""
        given = {"attributes": dict(attributes or {}), "toxicity": toxicity}
        body = {key: value for key, value in given.items() if value is not None}
        return self._object("PATCH", _path(name, "toxics", toxic), body)

    def remove_toxic(self, name: str, toxic: str) -> None:
        """Remove a toxic."""
        self._ask("DELETE", _path(name, "toxics", toxic), missing_ok=True)

    # -- what the embedded proxy has besides

    @property
    def has_leases(self) -> bool:
        """Whether toxics can be bound to a lease: a real Toxiproxy has none. Asked once."""
        if self._has_leases is None:
            self._has_leases = self._ask("GET", "/lease", missing_ok=True) is not None
        return self._has_leases

    def renew_lease(self, lease_id: str, ttl_s: float) -> bool:
        """Take or renew a lease; False if the server has no leases."""
        return self._ask("PUT", "/lease", {"lease_id": lease_id, "ttl_s": ttl_s}, missing_ok=True) is not None

    def leases(self) -> list[dict[str, Any]]:
        """Every lease that is held: ``lease_id`` and ``left_s``; none if the server has no leases."""
        found: list[dict[str, Any]] = self._ask("GET", "/lease", missing_ok=True) or []
        return found

    def end_lease(self, lease_id: str) -> None:
        """Give a lease up: its toxics are removed."""
        self._ask("DELETE", f"/lease/{quote(lease_id, safe='')}", missing_ok=True)

    def evidence(self, name: str) -> ProxyEvidence | None:
        """What went through a proxy. None if the server doesn't say: a Toxiproxy does with ``-proxy-metrics``."""
        self.proxy(name)
        found = self._ask("GET", _path(name, "evidence"), missing_ok=True)
        if found is not None:
            return ProxyEvidence.from_json(found)
        answer = self._answer("GET", "/metrics")
        if answer.status_code == 404:
            return None
        return ProxyEvidence.from_metrics(self._checked(answer, "GET", "/metrics").text, name)

    # -- HTTP

    def _object(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        found: dict[str, Any] = self._ask(method, path, body)
        return found

    def _ask(self, method: str, path: str, body: Any = None, *, missing_ok: bool = False) -> Any:
        answer = self._answer(method, path, body)
        if answer.status_code == 404 and missing_ok:
            return None
        checked = self._checked(answer, method, path)
        return self._decode(checked) if checked.content else None

    def _answer(self, method: str, path: str, body: Any = None) -> httpx.Response:
        try:
            return self._send(method, path, body)
        except self._httpx.TimeoutException:
            waited = f"{self._http.timeout.read:g} s" if self._http.timeout.read else "time"
            raise ProxyError(0, f"{method} {self.url}{path}: no answer within {waited}") from None
        except self._httpx.RemoteProtocolError as error:
            raise ProxyError(0, f"{self.url} is no proxy server, or it broke off: {error}") from None
        except self._httpx.TransportError as error:
            raise ProxyError(0, f"no proxy server answers at {self.url}: {error}. Is it running?") from None

    def _send(self, method: str, path: str, body: Any) -> httpx.Response:
        """Ask; once more if the server closed a quiet connection just then, where asking twice does no harm."""
        for again in (method != "POST", False):
            try:
                answer: httpx.Response = self._http.request(method, path, json=body)
            except self._httpx.RemoteProtocolError:
                if not again:
                    raise
            else:
                break
        return answer

    def _checked(self, answer: httpx.Response, method: str, path: str) -> httpx.Response:
        if not answer.is_success:
            raise ProxyError(answer.status_code, f"{method} {self.url}{path}: {_reason(answer)}")
        return answer

    def _decode(self, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except ValueError:
            raise ProxyError(answer.status_code, f"{self.url} is no proxy server: it does not answer in JSON") from None


def _path(*names: str) -> str:
    return "/proxies/" + "/".join(quote(name, safe="") for name in names)


def _spec(toxic: ToxicSpec | Mapping[str, Any]) -> ToxicSpec:
    try:
        return toxic if isinstance(toxic, ToxicSpec) else ToxicSpec.from_json(toxic)
    except ToxicError as error:
        raise ProxyError(error.status, str(error)) from None


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:  # a broken IPv6 address, a port beyond 65535
        fits = False
    if not fits:
        raise ProxyError(0, f"expected the URL of a control API, as http://127.0.0.1:8474, got {url!r}")
    return url.rstrip("/")


def _reason(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code} {answer.text.strip()[:200]}".strip()


def _import_httpx() -> Any:
    try:
        import httpx
    except ImportError:
        raise ChaosError("driving a proxy needs httpx: pip install 'pipequake[live]'") from None
    return httpx
