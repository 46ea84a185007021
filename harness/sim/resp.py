"""The Redis protocol (RESP 2 and 3), as a server reads and writes it."""

from __future__ import annotations

from typing import Any


class ProtocolError(ValueError):
    """The client does not speak RESP: the connection is to be closed, as Redis does."""


class RequestParser:
    """Cuts a stream of bytes into commands.

    >>> parser = RequestParser()
    >>> parser.feed(b"*2\\r\\n$3\\r\\nGET\\r\\n$1\\r\\n")
    >>> parser.next() is None
    True
    >>> parser.feed(b"k\\r\\n")
    >>> parser.next()
    [b'GET', b'k']
    """

    __slots__ = ("_buffer", "_position")

    def __init__(self) -> None:
        self._buffer = b""
        self._position = 0

    def feed(self, data: bytes) -> None:
        """More bytes of the stream."""
        self._buffer = self._buffer[self._position :] + data if self._position < len(self._buffer) else data
        self._position = 0

    def next(self) -> list[bytes] | None:
        """The next complete command (empty for an empty line), or None."""
        buffer, position = self._buffer, self._position
        end = buffer.find(b"\r\n", position)
        if end < 0:
            return None
        if buffer[position : position + 1] != b"*":  # an inline command, as typed by hand
            self._position = end + 2
            return buffer[position:end].split()
        fields: list[bytes] = []
        try:
            count = int(buffer[position + 1 : end])
            position = end + 2
            for _ in range(count):
                end = buffer.find(b"\r\n", position)
                if end < 0:
                    return None
                if buffer[position] != 0x24:
                    raise ProtocolError(f"expected '$', got {buffer[position : position + 1]!r}")
                start = end + 2
                position = start + int(buffer[position + 1 : end])
                if len(buffer) < position + 2:
                    return None
                fields.append(buffer[start:position])
                position += 2
        except ValueError as error:
            raise ProtocolError(f"Protocol error: {error}") from None
        self._position = position
        return fields


def bulk(data: bytes) -> bytes:
    """A bulk string.

    >>> bulk(b"ok")
    b'$2\\r\\nok\\r\\n'
    """
    return b"$%d\r\n%s\r\n" % (len(data), data)


def array(values: list[bytes | None], null: bytes) -> bytes:
    """An array of bulk strings; ``null`` is how the protocol writes None.

    >>> array([b"a", None], b"$-1\\r\\n")
    b'*2\\r\\n$1\\r\\na\\r\\n$-1\\r\\n'
    """
    parts = [b"*%d\r\n" % len(values)]
    parts += [null if value is None else b"$%d\r\n%s\r\n" % (len(value), value) for value in values]
    return b"".join(parts)


def encode(value: Any, protocol: int) -> bytes:
    """One reply for a client that speaks RESP ``protocol``; ``value`` is what fakeredis produced.

    >>> encode([b"a", 1, None], 2)
    b'*3\\r\\n$1\\r\\na\\r\\n:1\\r\\n$-1\\r\\n'
    >>> encode({b"a": True}, 3)
    b'%1\\r\\n$1\\r\\na\\r\\n#t\\r\\n'
    """
    out: list[bytes] = []
    _encode(value, protocol == 3, out)
    return b"".join(out)


def _encode(value: Any, resp3: bool, out: list[bytes]) -> None:
    if isinstance(value, bytes):
        out.append(b"$%d\r\n%s\r\n" % (len(value), value))
    elif isinstance(value, str):
        out.append(bulk(value.encode()))
    elif value is None:
        out.append(b"_\r\n" if resp3 else b"$-1\r\n")
    elif isinstance(value, bool):
        out.append((b"#t\r\n" if value else b"#f\r\n") if resp3 else b":%d\r\n" % value)
    elif isinstance(value, int):
        out.append(b":%d\r\n" % value)
    elif isinstance(value, float):
        text = f"{value:.17g}".encode()
        out.append(b",%s\r\n" % text if resp3 else bulk(text))
    elif isinstance(value, dict):
        out.append(b"%%%d\r\n" % len(value) if resp3 else b"*%d\r\n" % (2 * len(value)))
        for key, item in value.items():
            _encode(key, resp3, out)
            _encode(item, resp3, out)
    elif isinstance(value, list | tuple):
        out.append(b"*%d\r\n" % len(value))
        for item in value:
            _encode(item, resp3, out)
    elif isinstance(value, set | frozenset):
        out.append(b"~%d\r\n" % len(value) if resp3 else b"*%d\r\n" % len(value))
        for item in sorted(value):
            _encode(item, resp3, out)
    else:
        raise TypeError(f"cannot encode a reply of type {type(value).__name__}")
