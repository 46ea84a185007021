"""Servers for the tests of the proxy: the embedded one and a real Toxiproxy as processes, and upstreams as threads."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

Serve = Callable[[socket.socket], None]


def toxiproxy_binary() -> str | None:
    """Where a real Toxiproxy is, if it is."""
    own = ROOT / ".cache" / "bin" / "server"
    return shutil.which("toxiproxy-server") or (str(own) if own.exists() else None)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


@contextlib.contextmanager
def embedded(seed: int = 7, *options: str) -> Iterator[str]:
    """`pipequake proxy`; gives the address of its control API."""
    with tempfile.TemporaryFile("w+") as errors:
        command = [sys.executable, "-m", "harness.cli", "proxy", "--port", "0", "--seed", str(seed), *options]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT)
        assert running.stdout is not None
        try:
            yield running.stdout.readline().split()[-1]
            assert running.poll() is None, "the proxy died"
            running.terminate()
            assert running.wait(10) == 0
        finally:
            running.kill()
            running.wait()
            running.stdout.close()
            errors.seek(0)
            assert errors.read() == "", "the proxy had something to complain about"


@contextlib.contextmanager
def toxiproxy(binary: str) -> Iterator[str]:
    """A real Toxiproxy; gives the address of its control API."""
    port = free_port()
    environment = {**os.environ, "LOG_LEVEL": "fatal"}
    running = subprocess.Popen([binary, "-port", str(port)], env=environment, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert time.monotonic() < deadline, "Toxiproxy does not start"
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.kill()
        running.wait()


class Upstream:
    """A listening socket; each connection is served by a thread."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._server = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._server.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._serve(connection)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


def echo(connection: socket.socket) -> None:
    while data := connection.recv(65536):
        connection.sendall(data)


def connect(listen: str, timeout_s: float = 5.0) -> socket.socket:
    host, _, port = listen.rpartition(":")
    sock = socket.create_connection((host.strip("[]"), int(port)), timeout_s)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def read_exactly(sock: socket.socket, size: int) -> bytes:
    """So many bytes, or fewer if the stream ends."""
    got = b""
    while len(got) < size and (data := sock.recv(size - len(got))):
        got += data
    return got


def read_to_end(sock: socket.socket) -> bytes:
    got = b""
    while data := sock.recv(65536):
        got += data
    return got
