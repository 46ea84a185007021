"""All proxies of a server, and what its control API may do to them: each operation is all or nothing."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from chaos.gateway.leases import Lease, Leases
from chaos.network.addresses import join_address, listen_address
from chaos.network.drafts import (
    Draft,
    Refused,
    check_listen,
    check_upstream,
    field,
    json_kind,
    json_object,
    open_port,
    parse_toxic,
    same_listen,
    text_field,
)
from chaos.network.proxy import Plant, Proxy
from chaos.network.reactor import Timer
from chaos.network.toxics import ToxicSpec

_NAME_MAX = 255
_PROXIES_MAX = 10_000
_TOXICS_MAX = 100
#: A lease must outlive a hiccup, and a dead holder must not go unnoticed for ever.
_TTL_MIN_S, _TTL_MAX_S = 0.1, 86_400.0

T = TypeVar("T")


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
        draft = Draft(json_object(raw), loopback_only=self._plant.loopback_only)
        if draft.name in self._proxies:
            raise Refused(409, "proxy already exists")
        return self._put([draft])[0]

    def populate(self, raw: Any) -> list[Proxy]:
        """New proxies, or others in the place of those that differ; what is as asked for is left alone."""
        if not isinstance(raw, list):
            raise Refused(400, f"bad request body: expected an array of proxies, got {json_kind(raw)}")
        drafts = [
            Draft(json_object(each), loopback_only=self._plant.loopback_only, position=position)
            for position, each in enumerate(raw, 1)
        ]
        names = [draft.name for draft in drafts]
        for name in names:
            if names.count(name) > 1:
                raise Refused(400, f"bad request body: proxy {name!r} is there more than once")
        return self._put(drafts)

    def _put(self, drafts: Sequence[Draft]) -> list[Proxy]:
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

    def _is_there(self, draft: Draft) -> bool:
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
        check_listen(listen, loopback_only=self._plant.loopback_only)
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


__all__ = ["Board", "Refused"]
