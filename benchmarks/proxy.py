"""The embedded proxy against a real Toxiproxy and a direct connection, in one run.

    python benchmarks/proxy.py [--repeats 7] [--json]

Toxiproxy is `toxiproxy-server` on PATH or .cache/bin/server; install it with
``GOBIN=$PWD/.cache/bin go install github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0``. Each repeat measures every
contender, one after the other; figures are medians over the repeats, ratios are ours to Toxiproxy's within a repeat.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import select
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import httpx

Port = int
_RESET = struct.pack("ii", 1, 0)


# -- the contenders


@contextlib.contextmanager
def process(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, **options)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def first_line(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.readline()


def free_port() -> Port:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: Port = sock.getsockname()[1]
        return port


def toxiproxy_binary() -> str | None:
    own = ROOT / ".cache" / "bin" / "server"
    return shutil.which("toxiproxy-server") or (str(own) if own.exists() else None)


class Contender:
    """A proxy server with proxies to the echo and the flood."""

    def __init__(self, api: str, echo: Port, flood: Port) -> None:
        self.http = httpx.Client(base_url=api, trust_env=False, timeout=10)
        self.echo = self.make("echo", echo)
        self.flood = self.make("flood", flood)

    def make(self, name: str, port: Port) -> Port:
        body = {"name": name, "listen": "127.0.0.1:0", "upstream": f"127.0.0.1:{port}"}
        answer = self.http.post("/proxies", json=body).raise_for_status()
        return int(answer.json()["listen"].rpartition(":")[2])


def wait_for(api: str) -> None:
    for _ in range(200):
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"{api}/version", trust_env=False)
            return
        time.sleep(0.05)
    raise SystemExit(f"nothing answers at {api}")


# -- what is measured


def ping_us(port: Port, connections: int = 5, count: int = 1000) -> float:
    """Median round trip of 64 bytes, over some connections one after the other."""
    message, times = b"x" * 64, []
    for _ in range(connections):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(count):
                start = time.perf_counter()
                sock.sendall(message)
                got = 0
                while got < 64:
                    got += len(sock.recv(64))
                times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def bulk_mb_s(port: Port, seconds: float = 1.0) -> float:
    """Megabytes a second that one connection receives."""
    buffer, got = bytearray(1024 * 1024), 0
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.recv_into(buffer)
        start = time.perf_counter()
        while (now := time.perf_counter()) < start + seconds:
            got += sock.recv_into(buffer)
    return got / (now - start) / 1e6


def accepts_per_s(port: Port, count: int = 1500) -> float:
    """Connections that are opened, echo one byte and are reset, one after the other."""
    start = time.perf_counter()
    for _ in range(count):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"x")
            sock.recv(1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    return count / (time.perf_counter() - start)


def connect_many(port: Port, count: int) -> list[socket.socket]:
    socks = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
    for sock in socks:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return socks


def requests_per_s(port: Port, connections: int = 50, seconds: float = 1.5) -> float:
    """Requests of 64 bytes on many connections, the next on each when the last was answered."""
    socks = connect_many(port, connections)
    poll, done, message = select.epoll(), 0, b"x" * 64
    by_fd = {sock.fileno(): sock for sock in socks}
    for sock in socks:
        poll.register(sock, select.EPOLLIN)
        sock.sendall(message)
    start = time.perf_counter()
    while (now := time.perf_counter()) < start + seconds:
        for fd, _ in poll.poll():
            sock = by_fd[fd]
            sock.recv(64)
            sock.send(message)
            done += 1
    poll.close()
    for sock in socks:
        sock.close()
    return done / (now - start)


def redis_per_s(port: Port) -> float:
    """redis-benchmark's PING, 50 connections, no pipelining."""
    tool = shutil.which("redis-benchmark") or shutil.which("valkey-benchmark")
    assert tool is not None
    command = [tool, "-p", str(port), "-n", "60000", "-c", "50", "-q", "-t", "ping_mbulk"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return float(re.findall(r"([\d.]+) requests per second", output)[-1])


def latency_errors_ms(contender: Contender, connections: int = 200, seconds: float = 4.0) -> dict[str, float]:
    """How far round trips through a latency toxic of 100 ms are from 100 ms, each connection at its own rhythm."""
    toxic = {"type": "latency", "attributes": {"latency": 100}}
    contender.http.post("/proxies/echo/toxics", json=toxic).raise_for_status()
    socks = connect_many(contender.echo, connections)
    poll = select.epoll()
    by_fd = {sock.fileno(): sock for sock in socks}
    sent: dict[int, float] = {}
    start = time.perf_counter()
    due = [(start + 0.2 * number / connections, sock) for number, sock in enumerate(socks)]
    for sock in socks:
        poll.register(sock, select.EPOLLIN)
    errors: list[float] = []
    while (now := time.perf_counter()) < start + seconds:
        while due and due[0][0] <= now:
            sock = due.pop(0)[1]
            sent[sock.fileno()] = time.perf_counter()
            sock.send(b"x" * 64)
        for fd, _ in poll.poll(0.0005):
            by_fd[fd].recv(64)
            moment = time.perf_counter()
            errors.append((moment - sent[fd] - 0.1) * 1000)
            due.append((moment + 0.1, by_fd[fd]))
    for sock in socks:
        sock.close()
    contender.http.delete("/proxies/echo/toxics/latency_downstream")
    errors.sort()
    return {"median": statistics.median(errors), "p99": errors[int(len(errors) * 0.99)], "max": errors[-1]}


# -- the table


def rows(upstream: tuple[Port, Port], redis: Port | None) -> dict[str, tuple[str, Callable[[Any], float]]]:
    """Name -> (unit, measure of a contender; None stands for the direct connection)."""
    echo, flood = upstream
    measures: dict[str, tuple[str, Callable[[Any], float]]] = {
        "ping of 64 B": ("us", lambda c: ping_us(c.echo if c else echo)),
        "bulk": ("MB/s", lambda c: bulk_mb_s(c.flood if c else flood)),
        "accepts": ("/s", lambda c: accepts_per_s(c.echo if c else echo)),
        "requests, 50 connections": ("/s", lambda c: requests_per_s(c.echo if c else echo)),
        "requests, 500 connections": ("/s", lambda c: requests_per_s(c.echo if c else echo, 500)),
    }
    if redis is not None:
        measures["redis-benchmark -c 50"] = ("/s", lambda c: redis_per_s(c.redis if c else redis))
    return measures


def measure(contenders: dict[str, Any], measures: dict[str, Any], repeats: int) -> dict[str, dict[str, list[float]]]:
    """Row -> contender -> a value of each repeat."""
    values: dict[str, dict[str, list[float]]] = {row: {name: [] for name in contenders} for row in measures}
    for repeat in range(repeats):
        order = list(contenders) if repeat % 2 == 0 else list(contenders)[::-1]
        for row, (_, function) in measures.items():
            for name in order:
                values[row][name].append(function(contenders[name]))
    return values


def ratios(values: dict[str, dict[str, list[float]]]) -> dict[str, float]:
    """Ours to Toxiproxy's; of the ping, what each adds to a direct connection."""
    found = {}
    for row, by_name in values.items():
        direct, ours, theirs = by_name["direct"], by_name["embedded"], by_name["toxiproxy"]
        if row.startswith("ping"):
            pairs = [(o - d, t - d) for d, o, t in zip(direct, ours, theirs, strict=True)]
            found["added latency"] = statistics.median(o / t for o, t in pairs)
        else:
            found[row] = statistics.median(o / t for o, t in zip(ours, theirs, strict=True))
    return found


TARGETS = {
    "added latency": ("at most", 0.6),
    "bulk": ("at least", 1.4),
    "accepts": ("at least", 1.2),
    "requests, 50 connections": ("at least", 0.9),
    "redis-benchmark -c 50": ("at least", 0.9),
}


def start_all(stack: contextlib.ExitStack, options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """The contenders by name, and the measures."""
    peer = stack.enter_context(process([sys.executable, "benchmarks/proxy_peer.py"]))
    echo, flood = map(int, first_line(peer).split())
    ours = stack.enter_context(process([sys.executable, "-m", "harness.cli", "proxy", "--port", "0"]))
    contenders: dict[str, Any] = {"direct": None, "embedded": Contender(first_line(ours).split()[-1], echo, flood)}
    if (binary := toxiproxy_binary()) is not None:
        port = free_port()
        stack.enter_context(process([binary, "-port", str(port)], env={**os.environ, "LOG_LEVEL": "fatal"}))
        wait_for(f"http://127.0.0.1:{port}")
        contenders["toxiproxy"] = Contender(f"http://127.0.0.1:{port}", echo, flood)
    redis = None
    if (store := shutil.which("redis-server")) and shutil.which("redis-benchmark"):
        redis = free_port()
        stack.enter_context(process([store, "--port", str(redis), "--save", "", "--appendonly", "no"]))
        time.sleep(0.5)
        for contender in contenders.values():
            if contender is not None:
                contender.redis = contender.make("redis", redis)
    return contenders, rows((echo, flood), redis)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        contenders, measures = start_all(stack, options)
        values = measure(contenders, measures, options.repeats)
        errors = {name: latency_errors_ms(c) for name, c in contenders.items() if c is not None}
    found = ratios(values) if "toxiproxy" in contenders else {}
    medians = {row: {n: statistics.median(v) for n, v in by_name.items()} for row, by_name in values.items()}
    if options.json:
        print(json.dumps({"medians": medians, "ratios": found, "latency_error_ms": errors}, indent=2))
        return
    print(f"{'':27}" + "".join(f"{name:>12}" for name in contenders))
    for row, by_name in medians.items():
        print(f"{row:20} {measures[row][0]:>6}" + "".join(f"{by_name[name]:12.1f}" for name in contenders))
    for row, ratio in found.items():
        word, target = TARGETS.get(row, ("", 0.0))
        met = "" if not word else f"  {word} {target}: {'yes' if (ratio <= target) == (word == 'at most') else 'NO'}"
        print(f"ratio to Toxiproxy: {row:27} {ratio:6.2f}{met}")
    for name, error in errors.items():
        print(
            f"latency toxic of 100 ms, 200 connections: {name:10} "
            + ", ".join(f"{what} {value:+.2f} ms" for what, value in error.items())
        )


if __name__ == "__main__":
    main()
