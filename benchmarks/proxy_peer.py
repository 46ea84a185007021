"""The upstream of ``benchmarks/proxy.py``: echoes on its first port, sends without end on its second.

    python benchmarks/proxy_peer.py

Prints both ports on one line. A process of its own, so that it shares neither core nor interpreter with the client.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading

_CHUNK = bytes(256 * 1024)


def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=4096)


def echo(server: socket.socket) -> None:
    """Echoes on every connection from one thread."""
    server.setblocking(False)
    poll = select.epoll()
    poll.register(server, select.EPOLLIN)
    connections: dict[int, socket.socket] = {}
    while True:
        for fd, _ in poll.poll():
            if fd == server.fileno():
                try:
                    connection, _ = server.accept()
                except OSError:
                    continue
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[connection.fileno()] = connection
                poll.register(connection, select.EPOLLIN)
                continue
            connection = connections[fd]
            try:
                data = connection.recv(65536)
                if data:
                    connection.sendall(data)
            except OSError:
                data = b""
            if not data:
                poll.unregister(fd)
                connections.pop(fd).close()


def flood(server: socket.socket) -> None:
    """Sends for ever to one connection after the other."""
    while True:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            while True:
                connection.sendall(_CHUNK)


def main() -> None:
    echoing, flooding = listener(), listener()
    print(echoing.getsockname()[1], flooding.getsockname()[1], flush=True)
    threading.Thread(target=flood, args=(flooding,), daemon=True).start()
    echo(echoing)


if __name__ == "__main__":
    main()
