"""The store's hottest commands, straight on fakeredis's own data, at a tenth of the cost.

Each function returns the encoded reply, or None for anything unusual (another type, options, wrong arity): then
fakeredis executes the command itself. ``db.time`` must be the current time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fakeredis._core._database import Database, Item
from fakeredis.model import Hash

from harness.sim.resp import array, bulk

Hot = Callable[[Database, list[bytes], bool], bytes | None]


def _live(db: Database, key: bytes) -> Any:
    """The item under a key that has not expired, or None."""
    item = db._dict.get(key)
    if item is not None and item.expireat is not None and item.expireat < db.time:
        del db._dict[key]
        return None
    return item


def _fields(item: Any) -> dict[bytes, bytes] | None:
    """The fields of a plain hash; None if it is no hash or its fields have time-outs of their own."""
    value = item.value
    return value._values if type(value) is Hash and not value._expiry_heap else None


def _changed(db: Database, key: bytes) -> None:
    """Tells transactions that watch the key, and clients that block on the database."""
    for client in db._watches.get(key, ()):
        client.notify_watch()
    for callback in db._change_callbacks:
        callback()


def _null(resp3: bool) -> bytes:
    return b"_\r\n" if resp3 else b"$-1\r\n"


def _ping(db: Database, args: list[bytes], resp3: bool) -> bytes | None:
    return None if args else b"+PONG\r\n"


def _get(db: Database, args: list[bytes], resp3: bool) -> bytes | None:
    if len(args) != 1:
        return None
    item = _live(db, args[0])
    if item is None:
        return _null(resp3)
    return bulk(item.value) if type(item.value) is bytes else None


def _set(db: Database, args: list[bytes], resp3: bool) -> bytes | None:
    expire_at: float | None = None
    if len(args) == 4 and args[2].upper() == b"EX" and args[3].isdigit() and 0 < int(args[3]) < 2**40:
        expire_at = db.time + int(args[3])
    elif len(args) != 2:
        return None
    item: Any = Item(args[1])
    item.expireat = expire_at
    db[args[0]] = item
    _changed(db, args[0])
    return b"+OK\r\n"


def _mget(db: Database, args: list[bytes], resp3: bool) -> bytes | None:
    if not args:
        return None
    items = [_live(db, key) for key in args]
    values = [item.value if item is not None and type(item.value) is bytes else None for item in items]
    return array(values, _null(resp3))


def _mset(db: Database, args: list[bytes], resp3: bool) -> bytes | None:
    if not args or len(args) % 2:
        return None
    for key, value in zip(args[::2], args[1::2], strict=True):
        db[key] = Item(value)
        _changed(db, key)
    return b"+OK\r\n"


def _del(db: Database, args: list[bytes], resp3: bool) -> bytes | None:
    if not args:
        return None
    count = 0
    for key in args:
        if _live(db, key) is not None:
            del db[key]
            _changed(db, key)
            count += 1
    return b":%d\r\n" % count


def _expire(db: Database, args: list[bytes], resp3: bool) -> bytes | None:
    if len(args) != 2 or not args[1].isdigit() or not 0 < int(args[1]) < 2**40:
        return None
    item = _live(db, args[0])
    if item is None:
        return b":0\r\n"
    item.expireat = db.time + int(args[1])
    db.schedule_expiry(args[0], item.expireat)
    _changed(db, args[0])
    return b":1\r\n"


def _hgetall(db: Database, args: list[bytes], resp3: bool) -> bytes | None:
    if len(args) != 1:
        return None
    item = _live(db, args[0])
    fields = {} if item is None else _fields(item)
    if fields is None:
        return None
    parts = [b"%%%d\r\n" % len(fields) if resp3 else b"*%d\r\n" % (2 * len(fields))]
    parts += [b"$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(k), k, len(v), v) for k, v in fields.items()]
    return b"".join(parts)


def _hmget(db: Database, args: list[bytes], resp3: bool) -> bytes | None:
    if len(args) < 2:
        return None
    item = _live(db, args[0])
    fields = {} if item is None else _fields(item)
    return None if fields is None else array([fields.get(name) for name in args[1:]], _null(resp3))


def _hget(db: Database, args: list[bytes], resp3: bool) -> bytes | None:
    if len(args) != 2:
        return None
    item = _live(db, args[0])
    fields = {} if item is None else _fields(item)
    if fields is None:
        return None
    value = fields.get(args[1])
    return _null(resp3) if value is None else bulk(value)


def _hset(db: Database, args: list[bytes], resp3: bool) -> bytes | None:
    if len(args) < 3 or len(args) % 2 == 0:
        return None
    key = args[0]
    item = _live(db, key)
    if item is None:
        item = Item(Hash())
        db._dict[key] = item
    fields = _fields(item)
    if fields is None:
        return None
    before = len(fields)
    fields.update(zip(args[1::2], args[2::2], strict=True))
    _changed(db, key)
    return b":%d\r\n" % (len(fields) - before)


HOT: Mapping[bytes, Hot] = {
    b"PING": _ping,
    b"GET": _get,
    b"SET": _set,
    b"MGET": _mget,
    b"MSET": _mset,
    b"DEL": _del,
    b"EXPIRE": _expire,
    b"HGETALL": _hgetall,
    b"HMGET": _hmget,
    b"HGET": _hget,
    b"HSET": _hset,
}
