"""All proxies of a server, and what its control API may do to them: each operation is all or nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from chaos.gateway.leases import Lease, Leases
from chaos.network.addresses import AddressError, join_address, listen_address, open_listener, split_address
from chaos.network.proxy import Plant, Proxy
from chaos.network.reactor import Timer
from chaos.network.toxics import ToxicError, ToxicSpec

_NAME_MAX = 255
_PROXIES_MAX = 10_000
_TOXICS_MAX = 100
#: A lease must outlive a hiccup, and a dead holder must not go unnoticed for ever.
_TTL_MIN_S, _TTL_MAX_S = 0.1, 86_400.0

T = TypeVar("T")


class Refused(Exception):
    """An operation that was not carried out, nor any part of it; ``status`` is HTTP's."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Draft:
    """What a request asks a new proxy to be."""

    def __init__(self, raw: Mapping[str, Any], position: int | None = None) -> None:
        where = "" if position is None else f" at proxy {position}"
        self.name = text_field(raw, "name", "")
        self.upstream = text_field(raw, "upstream", "")
        for key in ("name", "upstream"):
            if not getattr(self, key):
                raise Refused(400, f"missing required field: {key}{where}")
        self.listen = text_field(raw, "listen", "")
        self.enabled = field(raw, "enabled", bool, True)
        check_name(self.name)
        check_upstream(self.upstream)
        check_listen(self.listen)
        self.toxics: dict[str, ToxicSpec] = {}
        for toxic in field(raw, "toxics", list, []):
            spec = parse_toxic(toxic)
            if spec.name in self.toxics:
                raise Refused(409, "toxic already exists")
            self.toxics[spec.name] = spec


class Board:
    """The proxies by name."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._proxies: dict[str, Proxy] = {}
        self._leases = Leases()
        self._lease_timers: dict[str, Timer] = {}

    def close(self) -> None:
        """Close every proxy."""
        for proxy in self._proxies.values():
            proxy.close_at_once()
        self._proxies.clear()

    # -- proxies

    def proxies(self) -> list[Proxy]:
        """Every proxy, by name."""
        return [self._proxies[name] for name in sorted(self._proxies)]

    def get(self, name: str) -> Proxy:
        """The proxy of that name."""
        if name not in self._proxies:
            raise Refused(404, "proxy not found")
        return self._proxies[name]

    def create(self, raw: Any) -> Proxy:
        """A new proxy."""
        draft = _Draft(json_object(raw))
        if draft.name in self._proxies:
            raise Refused(409, "proxy already exists")
        return self._put([draft])[0]

    def populate(self, raw: Any) -> list[Proxy]:
        """New proxies, or others in the place of those that differ; what is as asked for is left alone."""
        if not isinstance(raw, list):
            raise Refused(400, f"bad request body: expected an array of proxies, got {json_kind(raw)}")
        drafts = [_Draft(json_object(each), position) for position, each in enumerate(raw, 1)]
        names = [draft.name for draft in drafts]
        for name in names:
            if names.count(name) > 1:
                raise Refused(400, f"bad request body: proxy {name!r} is there more than once")
        return self._put(drafts)

    def _put(self, drafts: Sequence[_Draft]) -> list[Proxy]:
        """Opens all ports before anything changes, then changes everything."""
        if len(self._proxies) + len(drafts) > _PROXIES_MAX:
            raise Refused(400, f"there can be no more than {_PROXIES_MAX} proxies")
        kept = [draft for draft in drafts if self._is_there(draft)]
        new = [draft for draft in drafts if not self._is_there(draft)]
        going = [self._proxies[draft.name] for draft in new if draft.name in self._proxies]
        listeners = self._open_all([draft.listen for draft in new if draft.enabled], going)
        for draft in kept:
            if draft.toxics:
                self._proxies[draft.name].set_toxics(draft.toxics)
        for proxy in going:
            proxy.close()
        for draft in new:
            proxy = Proxy(self._plant, draft.name, draft.listen, draft.upstream)
            self._proxies[draft.name] = proxy
            proxy.set_toxics(draft.toxics)
            if draft.enabled:
                proxy.open(*listeners.pop(0))
        return [self._proxies[draft.name] for draft in drafts]

    def _is_there(self, draft: _Draft) -> bool:
        known = self._proxies.get(draft.name)
        return known is not None and known.upstream == draft.upstream and same_listen(known.listen, draft.listen)

    def _open_all(self, wanted: Sequence[str], going: Sequence[Proxy]) -> list[tuple[socket.socket, str]]:
        """A listener for each address. Proxies that are going hand theirs over, so that nothing can fail after this."""
        by_address = {proxy.listen: proxy for proxy in going if proxy.enabled}
        opened: list[tuple[socket.socket, str] | None] = []
        heirs: dict[int, Proxy] = {}
        try:
            for position, listen in enumerate(wanted):
                proxy = by_address.pop(join_address(*listen_address(listen)), None)
                if proxy is not None:
                    heirs[position] = proxy
                opened.append(None if proxy is not None else open_port(listen))
        except Refused:
            for entry in opened:
                if entry is not None:
                    entry[0].close()
            raise
        listeners = []
        for position, entry in enumerate(opened):
            if entry is None:
                listener = heirs[position].take_listener()
                assert listener is not None
                entry = (listener, heirs[position].listen)
            listeners.append(entry)
        return listeners

    def update(self, name: str, raw: Any) -> Proxy:
        """Change listen, upstream or enabled. ``lease``: what is disabled under it is enabled when it lapses."""
        proxy = self.get(name)
        body = json_object(raw)
        listen = text_field(body, "listen", proxy.listen)
        upstream = text_field(body, "upstream", proxy.upstream) or proxy.upstream
        enabled = field(body, "enabled", bool, proxy.enabled)
        lease = self._held_lease(body)
        check_listen(listen)
        check_upstream(upstream)
        moved = not same_listen(proxy.listen, listen)
        opened = open_port(listen) if enabled and (moved or not proxy.enabled) else None
        if opened is not None or not enabled:
            proxy.close()
        if moved:
            proxy.listen = listen
        if upstream != proxy.upstream:
            proxy.redirect(upstream)
        if opened is not None:
            proxy.open(*opened)
        if not enabled:
            proxy.disabled_by = lease
        return proxy

    def delete(self, name: str) -> None:
        """The proxy is no more."""
        self.get(name).close()
        del self._proxies[name]

    def reset(self) -> None:
        """Enable every proxy and remove every toxic."""
        closed = [proxy for proxy in self.proxies() if not proxy.enabled]
        listeners = self._open_all([proxy.listen for proxy in closed], [])
        for proxy, opened in zip(closed, listeners, strict=True):
            proxy.open(*opened)
        for proxy in self._proxies.values():
            proxy.set_toxics({})

    # -- toxics

    def add_toxic(self, name: str, raw: Any) -> ToxicSpec:
        """A toxic at the end of its direction. ``lease``: it is removed when that lapses."""
        proxy = self.get(name)
        spec = parse_toxic(raw)
        if spec.name in proxy.toxics:
            raise Refused(409, "toxic already exists")
        if len(proxy.toxics) >= _TOXICS_MAX:
            raise Refused(400, f"a proxy can have no more than {_TOXICS_MAX} toxics")
        lease = self._held_lease(raw)
        proxy.set_toxics({**proxy.toxics, spec.name: spec})
        if lease is not None:
            proxy.toxic_leases[spec.name] = lease
        return spec

    def toxic(self, name: str, toxic: str) -> ToxicSpec:
        """A toxic of a proxy."""
        known = self.get(name).toxics.get(toxic)
        if known is None:
            raise Refused(404, "toxic not found")
        return known

    def update_toxic(self, name: str, toxic: str, raw: Any) -> ToxicSpec:
        """Change some attributes or the toxicity; nothing else can change."""
        known, body = self.toxic(name, toxic), json_object(raw)
        attributes = field(body, "attributes", dict, {})
        toxicity = body.get("toxicity")
        proxy = self.get(name)
        spec = ToxicSpec(
            known.name,
            known.type,
            known.stream,
            known.toxicity if toxicity is None else toxicity,
            {**known.attributes, **attributes},
        )
        proxy.set_toxics({**proxy.toxics, known.name: spec})
        return spec

    def remove_toxic(self, name: str, toxic: str) -> None:
        """The toxic is no more."""
        self.toxic(name, toxic)
        proxy = self.get(name)
        proxy.set_toxics({each: spec for each, spec in proxy.toxics.items() if each != toxic})

    # -- leases

    def renew_lease(self, raw: Any) -> dict[str, Any]:
        """Take a lease, or hold it for longer."""
        body = json_object(raw)
        lease_id, ttl_s = body.get("lease_id"), body.get("ttl_s")
        if not isinstance(lease_id, str) or not lease_id:
            raise Refused(400, f"bad request body: expected lease_id to be a name, got {lease_id!r}")
        if isinstance(ttl_s, bool) or not isinstance(ttl_s, int | float) or not _TTL_MIN_S <= ttl_s <= _TTL_MAX_S:
            expected = f"{_TTL_MIN_S:g} to {_TTL_MAX_S:g} seconds"
            raise Refused(400, f"bad request body: expected ttl_s from {expected}, got {ttl_s!r}")
        self._lapse()
        now = self._plant.reactor.now()
        lease = self._leases.renew(lease_id, float(ttl_s), now)
        timer = self._lease_timers.pop(lease_id, None)
        if timer is not None:
            self._plant.reactor.cancel(timer)
        self._lease_timers[lease_id] = self._plant.reactor.at(lease.ends_at, self._lapse)
        return lease.to_json(now)

    def leases(self) -> list[dict[str, Any]]:
        """Every lease that is held."""
        return [lease.to_json(self._plant.reactor.now()) for lease in self._held()]

    def _held(self) -> list[Lease]:
        self._lapse()
        return self._leases.every()

    def end_lease(self, lease_id: str) -> None:
        """Give a lease up: its toxics are removed, and what is disabled under it is enabled."""
        self._leases.end(lease_id)
        timer = self._lease_timers.pop(lease_id, None)
        if timer is not None:
            self._plant.reactor.cancel(timer)
        for proxy in self._proxies.values():
            over = [toxic for toxic, lease in proxy.toxic_leases.items() if lease == lease_id]
            if over:
                proxy.set_toxics({name: spec for name, spec in proxy.toxics.items() if name not in over})
            if proxy.disabled_by == lease_id:
                self._enable(proxy)

    def _enable(self, proxy: Proxy) -> None:
        """Listen again; tried again every second while the port is somebody else's."""
        if proxy.enabled or proxy.disabled_by is None or self._proxies.get(proxy.name) is not proxy:
            return
        try:
            proxy.open(*open_port(proxy.listen))
        except Refused:
            self._plant.reactor.at(self._plant.reactor.now() + 1.0, lambda: self._enable(proxy))

    def _lapse(self) -> None:
        for lease_id in self._leases.lapsed(self._plant.reactor.now()):
            self.end_lease(lease_id)

    def _held_lease(self, raw: Mapping[str, Any]) -> str | None:
        lease = text_field(raw, "lease", "")
        if not lease:
            return None
        self._lapse()
        if not self._leases.held(lease):
            raise Refused(409, f"lease {lease!r} has lapsed or never was; PUT /lease takes it")
        return lease


# -- reading requests


def json_kind(value: Any) -> str:
    """JSON's word for a value."""
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")


def json_object(raw: Any) -> Mapping[str, Any]:
    """The value, if it is an object."""
    if not isinstance(raw, dict):
        raise Refused(400, f"bad request body: expected an object, got {json_kind(raw)}")
    return raw


def field(raw: Mapping[str, Any], key: str, kind: type[T], default: T) -> T:
    """A field of that type; missing or null is the default."""
    value = raw.get(key)
    if value is None:
        return default
    if not isinstance(value, kind):
        wanted = json_kind(kind())
        raise Refused(400, f"bad request body: expected {key} to be {wanted}, got {json_kind(value)}")
    return value


def text_field(raw: Mapping[str, Any], key: str, default: str) -> str:
    """A field of text."""
    return field(raw, key, str, default)


def check_name(name: str) -> None:
    """A name can be printed and is not endless."""
    if len(name) > _NAME_MAX or not name.isprintable():
        raise Refused(400, f"bad request body: a name has at most {_NAME_MAX} printable characters")


def parse_toxic(raw: Any) -> ToxicSpec:
    """The toxic that a request describes."""
    given = {key: value for key, value in json_object(raw).items() if value is not None}
    if isinstance(stream := given.get("stream"), str):
        given["stream"] = stream.lower()
    spec = ToxicSpec.from_json(given)
    check_name(spec.name)
    return spec


def check_upstream(upstream: str) -> None:
    """An upstream has a host and a port."""
    try:
        split_address(upstream)
    except AddressError as error:
        raise Refused(400, f"bad request body: upstream: {error}") from None


def check_listen(listen: str) -> None:
    """An address that could be listened on."""
    try:
        listen_address(listen)
    except AddressError as error:
        raise Refused(500, f"listen tcp: {error}") from None


def same_listen(known: str, asked: str) -> bool:
    """Whether a proxy that listens at ``known`` does what is asked; an ephemeral port is always another one."""
    wanted = listen_address(asked)
    return wanted[1] != 0 and listen_address(known) == wanted


def open_port(listen: str) -> tuple[socket.socket, str]:
    """A listener, or `Refused` in Toxiproxy's words."""
    try:
        return open_listener(listen)
    except AddressError as error:
        raise Refused(500, f"listen tcp: {error}") from None
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise Refused(500, f"listen tcp {listen}: bind: {reason}") from None


__all__ = ["Board", "Refused", "ToxicError"]
