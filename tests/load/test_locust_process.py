"""The load generator as a process against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from harness.load.plan import Shot, read_plan, write_plan

ROOT = Path(__file__).resolve().parents[2]

# Found, not imported: gevent would replace this process's sockets.
pytestmark = pytest.mark.skipif(find_spec("locust") is None, reason="locust is not installed: pip install locust")


class Service(ThreadingHTTPServer):
    """Answers what it was sent; the first request takes ``stall_s``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.stall_s = 0.0
        self.bodies: list[bytes] = []
        self.clients: Counter[str] = Counter()
        self.connections = 0

    def get_request(self) -> Any:
        self.connections += 1
        return super().get_request()

    def handle_error(self, *_: Any) -> None:
        """Clients that leave early are what is tested."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        stall, self.server.stall_s = self.server.stall_s, 0.0
        time.sleep(stall)
        self.server.bodies.append(body)
        self.server.clients[self.client_address[0]] += 1
        try:
            good = isinstance(json.loads(body)["n"], int)
        except (ValueError, KeyError, TypeError):
            good = False
        self.send_response(200 if good else 422)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Load:
    """The process, and what it said."""

    def __init__(self, folder: Path, url: str, shots: list[Shot]) -> None:
        write_plan(folder / "plan.jsonl", shots)
        loads = ["--bodies", "numbered", "--load-url", f"{url}/predict", "--load-from", "127.0.0.2"]
        command = [sys.executable, "-m", "harness.load.process", str(folder / "plan.jsonl"), url, *loads]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, Path(__file__).parent)))}
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.said: list[dict[str, Any]] = []
        assert self.next() == {"ready": True}

    def tell(self, **command: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def next(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        said: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.said.append(said)
        return said

    def until_done(self) -> None:
        while "done" not in self.next():
            pass

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        assert self.process.wait(10) == 0
        self.process.stdout.close()

    def answers(self) -> list[dict[str, Any]]:
        return [said for said in self.said if "key" in said]


@pytest.fixture
def load(tmp_path: Path, service: Service) -> Iterator[Load]:
    shots = [Shot(0.05 * n, f"k{n}", "/predict", json.dumps({"n": n})) for n in range(20)]
    running = Load(tmp_path, service.url, shots)
    yield running
    running.close()


def test_each_request_is_sent_at_its_moment(load: Load, service: Service) -> None:
    load.tell(do="begin", at=time.time() + 0.2)
    load.until_done()
    assert sorted(said["key"] for said in load.answers()) == sorted(f"k{n}" for n in range(20))
    assert all(said["status"] == 200 and said["answer"] == "{}" for said in load.answers())
    assert all(0 <= said["late"] < 0.5 for said in load.answers())
    assert all(said["ended"] >= 0.05 * int(said["key"][1:]) + said["late"] for said in load.answers())
    assert len(service.bodies) == 20


def test_a_slow_answer_delays_nobody_else(load: Load, service: Service) -> None:
    service.stall_s = 1.0
    load.tell(do="begin", at=time.time() + 0.1)
    load.until_done()
    latency = {said["key"]: said["ended"] - 0.05 * int(said["key"][1:]) for said in load.answers()}
    assert latency["k0"] >= 1.0
    assert sorted(latency.values())[len(latency) // 2] < 0.5


def test_loads_come_and_go_at_their_rates_and_from_their_own_address(load: Load, service: Service) -> None:
    load.tell(do="begin", at=time.time() + 0.1)
    for _ in range(2):  # what is told twice is done once
        load.tell(do="load", load_id="s", kind="surge", per_minute=2400, clients=3)
        load.tell(do="load", load_id="m", kind="malformed", per_minute=1200, clients=1)
    while len(load.answers()) < 15:
        load.next()
    for load_id in ("s", "m"):
        load.tell(do="unload", load_id=load_id)
    load.until_done()
    touched = {name: sum(said["touched"] for said in load.said if said.get("id") == name) for name in ("s", "m")}
    assert 10 <= touched["m"] <= 25  # 20 a second, for less than a second
    assert touched["s"] == pytest.approx(2 * touched["m"], abs=3)
    assert len(load.answers()) == 20  # the planned ones alone are answered
    assert service.clients["127.0.0.1"] == 20
    assert service.clients["127.0.0.2"] == pytest.approx(touched["s"] + touched["m"], abs=4)  # some were under way
    assert b'{"n": "no number"}' in service.bodies


def test_slow_clients_hold_their_connections_until_they_are_called_off(load: Load, service: Service) -> None:
    load.tell(do="load", load_id="c", kind="slow_clients", per_minute=6000, clients=1, pause_s=30)
    load.tell(do="begin", at=time.time())
    while sum(said.get("touched", 0) for said in load.said) < 5:
        load.next()
    deadline = time.monotonic() + 10
    while service.connections < 5 + 1 and time.monotonic() < deadline:
        time.sleep(0.02)  # a client is counted when it sets out, and comes a little later
    load.tell(do="unload", load_id="c")
    load.until_done()
    assert service.connections >= 5 + 1
    assert len(service.bodies) == 20


def test_requests_are_altered_on_their_way(load: Load, service: Service) -> None:
    load.tell(do="alter", alter_id="a", factor=1000)
    load.tell(do="begin", at=time.time())
    load.until_done()
    assert sum(said["touched"] for said in load.said if said.get("id") == "a") == 10
    numbers = sorted(json.loads(body)["n"] for body in service.bodies)
    assert numbers == sorted(n * 1000 if n % 2 else n for n in range(20))


def test_a_dead_service_is_no_answer(tmp_path: Path) -> None:
    running = Load(tmp_path, "http://127.0.0.1:9", [Shot(0.0, "k", "/predict", "{}")])
    running.tell(do="begin", at=time.time())
    running.until_done()
    assert [(said["key"], said["status"]) for said in running.answers()] == [("k", 0)]
    running.close()


def test_locusts_own_command_line_runs_the_same_plan(tmp_path: Path, service: Service) -> None:
    write_plan(tmp_path / "plan.jsonl", [Shot(0.02 * n, f"k{n}", "/predict", '{"n": 1}') for n in range(10)])
    locustfile = ROOT / "harness" / "load" / "arrivals.py"
    command = [sys.executable, "-m", "locust", "--headless", "--users", "1", "--run-time", "3s", "--only-summary"]
    done = subprocess.run(
        [*command, "-f", locustfile, "--host", service.url, "--plan", str(tmp_path / "plan.jsonl")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(service.bodies) == 10


def test_a_line_that_is_no_request_is_named(tmp_path: Path) -> None:
    (tmp_path / "plan.jsonl").write_text('{"at": 0, "key": "k", "path": "/", "body": "{}"}\n{"at": 1}\n')
    with pytest.raises(ValueError, match=r"plan\.jsonl:2: no planned request"):
        read_plan(tmp_path / "plan.jsonl")
