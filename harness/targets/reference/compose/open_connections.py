"""Bytes of the connections that are open now, from the kernel: Toxiproxy counts those of a connection when it ends.

Linux tells a process of the TCP connections in its own network namespace (sock_diag(7)), so the client of a link is
asked. `SCRIPT` is this file, to be run by any Python in the client's container: it needs the standard library alone.

``python open_connections.py 20003 20005`` prints ``{"20003": [sent, received]}``, of the connections to these ports.
"""

import json
import socket
import struct
import sys
from collections.abc import Collection
from pathlib import Path

__all__ = ["SCRIPT", "bytes_by_port"]

# From linux/netlink.h, linux/sock_diag.h and linux/inet_diag.h.
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x301
_ERROR, _DONE = 2, 3
_INFO = 2
_ESTABLISHED = 1
_MESSAGE_HEAD = struct.Struct("=IHHII")
_QUERY = struct.Struct("=BBBBI48x")
#: Of a connection: family, state, timer, retransmissions, then the ports in network order.
_PORTS = struct.Struct(">xxxxHH")
_CONNECTION_SIZE = 72
_ATTRIBUTE_HEAD = struct.Struct("=HH")
#: In ``struct tcp_info`` (linux/tcp.h): ``tcpi_bytes_acked``, ``tcpi_bytes_received``.
_COUNTED = struct.Struct("=120xQQ")


def bytes_by_port(ports: Collection[int]) -> dict[int, tuple[int, int]]:
    """Bytes (sent and acknowledged, received) of this host's open connections to each of the remote ports.

    Raises ``OSError`` where the kernel does not tell.
    """
    found: dict[int, tuple[int, int]] = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        for port, sent, received in _connections(family):
            if port in ports:
                before = found.get(port, (0, 0))
                found[port] = before[0] + sent, before[1] + received
    return found


def _connections(family: int) -> list[tuple[int, int, int]]:
    """(remote port, bytes sent, bytes received) of each established connection.

    One that the other side has closed is left out: Toxiproxy has counted it.
    """
    if not hasattr(socket, "AF_NETLINK"):
        raise OSError("only Linux tells of the bytes of open connections")
    found: list[tuple[int, int, int]] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as netlink:
        netlink.settimeout(5.0)
        query = _QUERY.pack(family, socket.IPPROTO_TCP, 1 << (_INFO - 1), 0, 1 << _ESTABLISHED)
        head = _MESSAGE_HEAD.pack(_MESSAGE_HEAD.size + len(query), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0)
        netlink.sendto(head + query, (0, 0))
        while True:
            data = netlink.recv(1 << 17)
            while len(data) >= _MESSAGE_HEAD.size:
                size, kind, *_ = _MESSAGE_HEAD.unpack_from(data)
                message, data = data[_MESSAGE_HEAD.size : size], data[_aligned(size) :]
                if kind == _DONE:
                    return found
                if kind == _ERROR:
                    (code,) = struct.unpack_from("=i", message)
                    raise OSError(-code, f"the kernel does not tell of its connections (errno {-code})")
                counted = _counted(message[_CONNECTION_SIZE:])
                if counted is not None:
                    found.append((_PORTS.unpack_from(message)[1], *counted))


def _counted(attributes: bytes) -> tuple[int, int] | None:
    """Bytes sent and received, from the attributes of a connection."""
    while len(attributes) >= _ATTRIBUTE_HEAD.size:
        size, kind = _ATTRIBUTE_HEAD.unpack_from(attributes)
        if size < _ATTRIBUTE_HEAD.size:
            return None
        if kind == _INFO and size >= _ATTRIBUTE_HEAD.size + _COUNTED.size:
            acknowledged, received = _COUNTED.unpack_from(attributes, _ATTRIBUTE_HEAD.size)
            return max(acknowledged - 1, 0), received  # the SYN is one that is acknowledged
        attributes = attributes[_aligned(size) :]
    return None


def _aligned(size: int) -> int:
    return (size + 3) & ~3


if __name__ == "__main__":
    print(json.dumps(bytes_by_port({int(port) for port in sys.argv[1:]})))
else:
    #: This module's source.
    SCRIPT = Path(__file__).read_text()
