"""``pipequake proxy`` as its user meets it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chaos.network.client import ProxyClient

from .servers import ROOT, Upstream, connect, echo, free_port, read_exactly


def pipequake_proxy(*options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "harness.cli", "proxy", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The process, and what it says until it is ready."""
    process = pipequake_proxy("--port", "0", *options)
    assert process.stdout is not None
    lines: list[str] = []
    try:
        while not lines or not lines[-1].startswith("control API at "):
            lines.append(process.stdout.readline().rstrip())
            assert lines[-1], process.stderr and process.stderr.read()
        yield process, lines
    finally:
        process.kill()
        process.communicate()


def refusal(*options: str) -> str:
    """What a proxy that can't start says; it must exit as for wrong usage."""
    out, error = pipequake_proxy(*options).communicate(timeout=20)
    assert out == ""
    assert error.startswith("error: ")
    assert "Traceback" not in error
    return error.removeprefix("error: ").strip()


def write(folder: Path, content: object) -> str:
    path = folder / "proxies.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_and_ends_quietly(number: signal.Signals) -> None:
    with running() as (process, lines):
        with ProxyClient(lines[-1].split()[-1]) as client:
            assert client.version() == "2.12.0"
        process.send_signal(number)
        assert process.communicate(timeout=10) == ("", "")
        assert process.returncode == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_hosts(host: str) -> None:
    with running("--host", host) as (_, lines):
        assert lines[-1].startswith(
            "control API at http://[::1]:" if host == "::1" else "control API at http://127.0.0.1:"
        )
        with ProxyClient(lines[-1].split()[-1]) as client:
            client.version()


def test_it_begins_with_the_proxies_of_a_file(tmp_path: Path) -> None:
    server, port = Upstream(echo), free_port()
    latency = {"type": "latency", "attributes": {"latency": 1}}
    config = write(
        tmp_path,
        [
            {"name": "store", "listen": f"127.0.0.1:{port}", "upstream": server.address, "toxics": [latency]},
            {"name": "off", "listen": "127.0.0.1:0", "upstream": "h:1", "enabled": False},
        ],
    )
    with running("--config", config) as (_, lines):
        assert lines[:-1] == ["off: 127.0.0.1:0 (disabled) -> h:1", f"store: 127.0.0.1:{port} -> {server.address}"]
        with connect(f"127.0.0.1:{port}") as sock:
            sock.sendall(b"ping")
            assert read_exactly(sock, 4) == b"ping"
        with ProxyClient(lines[-1].split()[-1]) as client:
            assert [toxic["name"] for toxic in client.toxics("store")] == ["latency_downstream"]
    server.close()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[", "is not JSON: Expecting value: line 1 column 2 (char 1). Give an array of proxies"),
        ("[" * 100_000, "is not JSON"),
        ({}, "expected an array of proxies, got an object"),
        ([{"name": "p"}], "missing required field: upstream at proxy 1"),
        ([{"name": "p", "upstream": "h:1", "toxics": [{"type": "x"}]}], "invalid toxic type 'x'"),
        ([{"name": "p", "upstream": "h:1", "listen": "0.0.0.0:0"}], "may listen on loopback alone"),
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be(tmp_path: Path, content: object, reason: str) -> None:
    path = write(tmp_path, content)
    told = refusal("--port", "0", "--config", path)
    assert told.startswith(path)
    assert reason in told


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "none.json"
    assert refusal("--config", str(missing)) == f"{missing} can't be read: no such file or directory."


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refusal("--port", str(port)) == (
            f"the control API can't listen on 127.0.0.1:{port}: address already in use. "
            "Give another port with --port (0 takes a free one), or stop what listens there."
        )


def test_a_proxy_s_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        path = write(tmp_path, [{"name": "p", "upstream": "h:1", "listen": listen}])
        assert refusal("--port", "0", "--config", path) == f"{path}: listen tcp {listen}: bind: address already in use"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_an_address_that_others_reach_must_be_allowed(host: str) -> None:
    assert "or say --allow-remote" in refusal("--host", host, "--port", "0")


@pytest.mark.parametrize(
    ("host", "reason"), [("192.0.2.1", "cannot assign requested address"), ("nosuch.invalid", "name")]
)
def test_an_address_that_is_not_this_machine_s(host: str, reason: str) -> None:
    told = refusal("--host", host, "--port", "0", "--allow-remote")
    assert told.startswith(f"the control API can't listen on {host}:0: {reason}")
    assert told.endswith("Give an address of this machine with --host.")


def test_other_names_must_be_allowed() -> None:
    with running("--allow-host", "toxiproxy") as (_, lines):
        import httpx

        api = lines[-1].split()[-1]
        for host, status in [("toxiproxy:8474", 200), ("TOXIPROXY", 200), ("other", 403)]:
            assert httpx.get(f"{api}/version", headers={"Host": host}, trust_env=False).status_code == status
