"""What clients of the control API ask for, checked before anything is done."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any, TypeVar

from chaos.network.addresses import AddressError, is_loopback, listen_address, open_listener, split_address
from chaos.network.toxics import ToxicSpec

_NAME_MAX = 255

T = TypeVar("T")


class Refused(Exception):
    """An operation that was not carried out, nor any part of it; ``status`` is HTTP's."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Draft:
    """What a request asks a new proxy to be."""

    def __init__(self, raw: Mapping[str, Any], *, loopback_only: bool, position: int | None = None) -> None:
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
        check_listen(self.listen, loopback_only=loopback_only)
        self.toxics: dict[str, ToxicSpec] = {}
        for toxic in field(raw, "toxics", list, []):
            spec = parse_toxic(toxic)
            if spec.name in self.toxics:
                raise Refused(409, "toxic already exists")
            self.toxics[spec.name] = spec


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


def check_listen(listen: str, *, loopback_only: bool) -> None:
    """An address that could be listened on, and may be."""
    try:
        host, _ = listen_address(listen)
    except AddressError as error:
        raise Refused(500, f"listen tcp: {error}") from None
    if loopback_only and not is_loopback(host):
        where = "loopback alone (127.0.0.1, ::1, localhost)"
        raise Refused(403, f"listen {listen}: proxies here may listen on {where}; --allow-remote allows others")


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
