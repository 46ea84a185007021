"""A client of the control API: it drives the embedded proxy and a real Toxiproxy alike. Needs the extra ``live``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from chaos.errors import ChaosError
from chaos.network.toxics import ToxicSpec

if TYPE_CHECKING:
    import httpx

#: How long the control API may take to answer; a real Toxiproxy can hang for 25 s.
TIMEOUT_S = 5.0


class ProxyError(ChaosError):
    """The control API refused, or could not be reached; ``status`` is HTTP's, 0 without an answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class ProxyClient:
    """Talks to the control API at ``url``. Every method raises `ProxyError`; answers are Toxiproxy's JSON.

    Removing what is not there is no error: whoever undoes something may have to do it twice. The proxies of the
    environment (``HTTP_PROXY``) are not used.
    """

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self._httpx = _import_httpx()
        self._http = self._httpx.Client(base_url=self.url, timeout=timeout_s, transport=transport, trust_env=False)

    def close(self) -> None:
        """Close the connections to the control API."""
        self._http.close()

    def __enter__(self) -> ProxyClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    # -- proxies

    def version(self) -> str:
        """The version of Toxiproxy that answers, or whose API does."""
        return str(self._ask("GET", "/version")["version"])

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
        """Create proxies, and replace those that differ from what is asked for."""
        return list(self._ask("POST", "/populate", [dict(proxy) for proxy in proxies])["proxies"] or [])

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
        spec = toxic if isinstance(toxic, ToxicSpec) else ToxicSpec.from_json(toxic)
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

    # -- what only the embedded proxy has

    def evidence(self, name: str) -> dict[str, Any] | None:
        """Connections, bytes, and what each toxic touched; None if the server keeps none."""
        self.proxy(name)
        found: dict[str, Any] | None = self._ask("GET", _path(name, "evidence"), missing_ok=True)
        return found

    def renew_lease(self, lease_id: str, ttl_s: float) -> bool:
        """Take or renew a lease; False if the server has no leases."""
        return self._ask("PUT", "/lease", {"lease_id": lease_id, "ttl_s": ttl_s}, missing_ok=True) is not None

    def end_lease(self, lease_id: str) -> None:
        """Give a lease up: its toxics are removed."""
        self._ask("DELETE", f"/lease/{quote(lease_id, safe='')}", missing_ok=True)

    # -- HTTP

    def _object(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        found: dict[str, Any] = self._ask(method, path, body)
        return found

    def _ask(self, method: str, path: str, body: Any = None, *, missing_ok: bool = False) -> Any:
        try:
            answer = self._send(method, path, body)
        except self._httpx.TimeoutException:
            raise ProxyError(0, f"{method} {self.url}{path}: no answer in time") from None
        except self._httpx.TransportError as error:
            raise ProxyError(0, f"no proxy server answers at {self.url}: {error}. Is it running?") from None
        if answer.status_code == 404 and missing_ok:
            return None
        if answer.is_success:
            return self._decode(answer) if answer.content else None
        raise ProxyError(answer.status_code, f"{method} {self.url}{path}: {_reason(answer)}")

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

    def _decode(self, answer: httpx.Response) -> Any:
        try:
            return answer.json()
        except ValueError:
            raise ProxyError(answer.status_code, f"{self.url} is no proxy server: it does not answer in JSON") from None


def _path(*names: str) -> str:
    return "/proxies/" + "/".join(quote(name, safe="") for name in names)


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
