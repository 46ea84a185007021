"""The scheduler as a service: real notices, a real endpoint, real child processes."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from fake_world import job, plan

from harness.schedule.decide import Finished, Notice
from harness.schedule.endpoint import Endpoint
from harness.schedule.memory import Memory
from harness.schedule.notify import NotTold, tell
from harness.schedule.plan import Channel, Schedule
from harness.schedule.service import Service

ROOT = Path(__file__).resolve().parents[2]
SECRET = "s3cr3t-t0ken"
NOTICE = Notice("nightly", "failed", "passed", {"mature": 1}, {"mature": 2})
QUICK = """\
name: quick
warmup: 3h
horizon: 4h
faults: [{fault: data.null_spike, point: "feed:weather", with: {column: visib, rate: 1.0}, at: 30m, for: 1h}]
expect: [{detect_within: 45m}]
"""


JOBS = {"quick": "quick.yaml", "broken": "no.yaml"}


class _Hook(HTTPServer):
    """Keeps what it is sent; answers with the statuses that it is given, then 200."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, object]] = []
        self.statuses: list[int] = []
        super().__init__(("127.0.0.1", 0), _HookHandler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{SECRET}"


class _HookHandler(BaseHTTPRequestHandler):
    server: _Hook

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Location", f"http://127.0.0.1:1/{SECRET}")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def hook() -> Iterator[_Hook]:
    server = _Hook()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_gets_the_change_and_slack_its_own_format(hook: _Hook, tmp_path: Path) -> None:
    (tmp_path / "hook").write_text(hook.url + "\n")
    tell(Channel("webhook", {"url_file": str(tmp_path / "hook")}), NOTICE, {})
    tell(
        Channel("slack", {"url_env": "HOOK"}), Notice("a", "failed", None, {"<b>&": 1}, {"<b>&": 2}), {"HOOK": hook.url}
    )
    assert hook.bodies[0] == {
        "job": "nightly",
        "verdict": "failed",
        "verdict_before": "passed",
        "tiers": {"mature": 1},
        "tiers_before": {"mature": 2},
        "text": "chaos nightly: failed (was passed); mature is at tier 1 (was 2)",
    }
    assert hook.bodies[1] == {"text": "chaos a: failed; &lt;b&gt;&amp; is at tier 1 (was 2)"}


@pytest.mark.parametrize(
    ("statuses", "address", "told"),
    [
        ([500], None, "webhook: answered with status 500"),
        ([302], None, "webhook: answered with status 302"),  # never followed
        ([], f"http://127.0.0.1:1/{SECRET}", "webhook: no answer (ConnectionRefusedError)"),
        ([], f"file:///{SECRET}", "webhook: the address is no http(s) URL"),
        ([], f"http://[{SECRET}", "webhook: the address is no http(s) URL"),
        ([], f"http://127.0.0.1:99999/{SECRET}", "webhook: "),
        ([], "", "webhook: the environment variable HOOK is not set"),
    ],
)
def test_a_notice_that_cannot_be_delivered_shows_no_secret(
    hook: _Hook, statuses: list[int], address: str | None, told: str
) -> None:
    hook.statuses = statuses
    with pytest.raises(NotTold) as caught:
        tell(Channel("webhook", {"url_env": "HOOK"}), NOTICE, {"HOOK": hook.url if address is None else address})
    assert str(caught.value).startswith(told)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


class _Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as one message needs."""

    messages: list[str] = []

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        body: list[str] | None = None
        for raw in self.rfile:
            line = raw.decode().rstrip("\r\n")
            if body is not None:
                if line == ".":
                    self.messages.append("\n".join(body))
                    body = None
                    self.wfile.write(b"250 ok\r\n")
                else:
                    body.append(line)
            elif line.upper() == "DATA":
                body = []
                self.wfile.write(b"354 go on\r\n")
            elif line.upper() == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 ok\r\n")


def test_mail_is_sent() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), _Mail) as server:
        threading.Thread(target=server.handle_request).start()
        settings = {"host": "127.0.0.1", "port": str(server.server_address[1]), "from": "chaos@example.org"}
        tell(Channel("email", {**settings, "to": "ops@example.org", "starttls": "False"}), NOTICE, {})
    (message,) = _Mail.messages
    assert "Subject: chaos nightly: failed (was passed); mature is at tier 1 (was 2)" in message
    assert "To: ops@example.org" in message


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint(("127.0.0.1", 0), lambda: {"ok": True}, lambda: "up 1\n")
    yield made
    made.close()


def answer(endpoint: Endpoint, path: str, host: str | None, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=5)
    connection.putrequest(method, path, skip_host=True)
    if host is not None:
        connection.putheader("Host", host)
    connection.endheaders()
    got = connection.getresponse()
    body = got.read().decode()
    connection.close()
    return got.status, body


def test_the_endpoint_answers_under_its_own_names_only(endpoint: Endpoint) -> None:
    for name in ("127.0.0.1", "localhost", "[::1]"):
        assert answer(endpoint, "/health", f"{name}:{endpoint.port}") == (200, '{"ok": true}\n')
    assert answer(endpoint, "/metrics", endpoint.names[0]) == (200, "up 1\n")
    for host in ("evil.example", f"evil.example:{endpoint.port}", "localhost", None, f"localhost:{endpoint.port}.evil"):
        assert answer(endpoint, "/health", host)[0] == 421
    assert answer(endpoint, "/", endpoint.names[0])[0] == 404
    assert answer(endpoint, "/health", endpoint.names[0], "POST")[0] == 501
    with socket.create_connection(("127.0.0.1", endpoint.port)) as raw:  # two names at once
        raw.sendall(f"GET /health HTTP/1.1\r\nHost: {endpoint.names[0]}\r\nHost: evil\r\n\r\n".encode())
        assert b" 421 " in raw.recv(100)


class _Script:
    """A run that ends when it is looked at, as the next verdict says."""

    def __init__(self, verdict: str) -> None:
        self._verdict = verdict
        self.asked_to_stop = False

    def running(self) -> bool:
        return False

    def stop(self) -> None:
        self.asked_to_stop = True

    def finished(self) -> Finished:
        return Finished("interrupted" if self.asked_to_stop else self._verdict, {"mature": 2})


class _Rig:
    """A service on a clock that is set by hand."""

    def __init__(self, schedule: Schedule, verdicts: Sequence[str]) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.said: list[str] = []
        self.runs: list[_Script] = []
        self._verdicts = list(verdicts)
        self.service = Service(schedule, Memory(schedule.state), lambda: self.now, self.said.append, self._begin)

    def _begin(self, arguments: Sequence[str], folder: Path, log: Path) -> _Script:
        self.runs.append(_Script(self._verdicts[len(self.runs)]))
        return self.runs[-1]

    def hours(self, count: int) -> None:
        for _ in range(count):
            self.now += timedelta(hours=1)
            self.service.turn()
            self.service.turn()  # the run has ended by now


def test_secrets_are_in_no_log_state_or_metric(hook: _Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAOS_HOOK", hook.url)
    hook.statuses = [200, 500, 500, 500]
    schedule = Schedule(
        tmp_path / "s.yaml",
        (job("hourly", "@hourly"),),
        channels=(Channel("webhook", {"url_env": "CHAOS_HOOK"}),),
        state=tmp_path / "state.json",
    )
    rig = _Rig(schedule, ["passed", "failed", "failed", "passed"])
    rig.service.open()
    rig.service.turn()
    rig.hours(4)
    assert [body["verdict"] for body in hook.bodies] == [
        "failed",
        "passed",
        "passed",
        "passed",
    ]  # the last in three tries
    metrics = rig.service.metrics()
    assert 'pipequake_schedule_runs_total{job="hourly",verdict="failed"} 2' in metrics
    assert 'pipequake_schedule_notices_total{channel="webhook",result="failed"} 1' in metrics
    health = rig.service.health()
    assert health["ok"]
    assert health["verdicts"] == {"hourly": "passed"}
    rig.service.close()
    everything = "\n".join([*rig.said, metrics, json.dumps(health), *(p.read_text() for p in tmp_path.rglob("*.json"))])
    assert "nobody was told: webhook: answered with status 500" in everything
    assert SECRET not in everything


def test_what_nobody_could_be_told_is_told_after_the_next_run(
    hook: _Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAOS_HOOK", hook.url)
    hook.statuses = [500] * 3
    channels = (Channel("webhook", {"url_env": "CHAOS_HOOK"}), Channel("slack", {"url_env": "NOT_SET"}))
    schedule = Schedule(
        tmp_path / "s.yaml", (job("hourly", "@hourly"),), channels=channels, state=tmp_path / "state.json"
    )
    rig = _Rig(schedule, ["failed"])
    rig.service.open()
    rig.service.turn()
    rig.hours(1)
    rig.service.close()
    assert len(hook.bodies) == 3
    again = _Rig(schedule, ["failed", "failed"])  # another process: it is remembered
    again.now = rig.now
    again.service.open()
    again.hours(2)
    again.service.close()
    assert [(body["verdict"], body["verdict_before"]) for body in hook.bodies[3:]] == [("failed", "failed")]


def test_a_job_that_could_not_be_started_is_an_error(tmp_path: Path) -> None:
    def begin(arguments: Sequence[str], folder: Path, log: Path) -> _Script:
        raise OSError(2, "No such file or directory", str(log.parent))

    said: list[str] = []
    schedule = Schedule(tmp_path / "s.yaml", (job("hourly", "@hourly"),), state=tmp_path / "state.json")
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    service = Service(schedule, Memory(schedule.state), lambda: moment, said.append, begin)
    assert service.run_once("hourly") == "error"
    assert "could not be started (No such file or directory: " in said[1]


def test_the_stop_file_keeps_runs_from_starting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = tmp_path / "stop"
    monkeypatch.setenv("PIPEQUAKE_STOP_FILE", str(stop))
    stop.touch()
    schedule = plan(job("hourly", "@hourly"), state=tmp_path / "state.json")
    rig = _Rig(schedule, ["passed"])
    rig.service.open()
    rig.service.turn()
    rig.hours(1)
    assert rig.runs == []
    assert rig.said == [f"hourly: left out (stopped): {stop} is there"]
    stop.unlink()
    rig.hours(1)
    assert len(rig.runs) == 1
    rig.service.close()


# -- processes


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "harness.cli", "schedule", "schedule.yaml", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "quick.yaml").write_text(QUICK)
    jobs = (
        "jobs:\n  quick: {cron: '@monthly', scenarios: quick.yaml}\n  broken: {cron: '@monthly', scenarios: no.yaml}\n"
    )
    (tmp_path / "schedule.yaml").write_text(jobs)
    return tmp_path


def test_one_job_at_once_with_its_report_and_its_verdict(project: Path) -> None:
    run = start(project, "--once", "quick")
    said, _ = run.communicate(timeout=120)
    assert run.returncode == 0, said
    assert "quick: passed" in said
    assert (project / "results" / "latest" / "report.html").exists()
    state = json.loads((project / ".schedule.state.json").read_text())["state"]
    assert state["jobs"]["quick"]["verdict"] == "passed"
    broken = start(project, "--once", "broken")
    said, _ = broken.communicate(timeout=60)
    assert broken.returncode == 2
    assert "broken: usage" in said
    log = next((project / "results" / "schedule").glob("broken-*.log"))
    assert "no.yaml: no such file" in log.read_text()
    unknown = start(project, "--once", "quik")
    said, _ = unknown.communicate(timeout=60)
    assert (unknown.returncode, said) == (2, "error: schedule.yaml: no job 'quik'. Did you mean 'quick'?\n")


DRY = """\
jobs:
  fine: {cron: "@daily", scenarios: quick.yaml, only: "qu*", profile: [ad_hoc, mature]}
  profile: {cron: "@daily", scenarios: quick.yaml, profile: matur}
  only: {cron: "@daily", scenarios: quick.yaml, only: [quck]}
  path: {cron: "@daily", scenarios: gone.yaml}
  backend: {cron: "@daily", scenarios: quick.yaml, backend: moon}
  repeats: {cron: "@daily", scenarios: quick.yaml, repeats: 0}
"""


def test_a_dry_run_names_the_jobs_that_can_not_run(project: Path) -> None:
    (project / "schedule.yaml").write_text(DRY)
    listed = start(project, "--dry-run", "--next", "1")
    said, _ = listed.communicate(timeout=60)
    assert listed.returncode == 2, said
    assert said.splitlines()[0].endswith("UTC  fine")
    assert said.splitlines()[1:] == [
        "error: schedule.yaml: jobs.profile can't run: unknown profile 'matur'. Did you mean 'mature'?",
        "schedule.yaml: jobs.only can't run: no scenario is called 'quck'. Did you mean 'quick'?",
        "schedule.yaml: jobs.path can't run: gone.yaml: no such file. Check the path. "
        "`pipequake scenarios` shows scenarios to start from.",
        "schedule.yaml: jobs.backend can't run: unknown backend 'moon'. Backends of this version: sim, local, compose.",
        "schedule.yaml: jobs.repeats can't run: Invalid value for '--repeats': 0 is not in the range 1<=x<=10000.",
    ]
    assert not (project / "results").exists()


def applied(folder: Path) -> bool:
    return any('"fault.applied"' in part.read_text() for part in folder.glob("results/*/arms/quick_*.jsonl"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_however_the_scheduler_ends_the_run_is_reverted(project: Path, number: signal.Signals) -> None:
    (project / "quick.yaml").write_text(QUICK.replace("horizon: 4h", "horizon: 20d").replace("for: 1h", "for: 19d"))
    scheduler = start(project, "--once", "quick")
    deadline = time.monotonic() + 120
    while not applied(project):
        assert time.monotonic() < deadline, "no fault was applied"
        assert scheduler.poll() is None
        time.sleep(0.05)
    scheduler.send_signal(number)
    said, _ = scheduler.communicate(timeout=60)
    journal = project / "results" / "latest" / "journal.jsonl"
    while not journal.exists():  # of a scheduler that was killed, the run ends by itself
        assert time.monotonic() < deadline, "the run did not end"
        time.sleep(0.05)
    kinds = [json.loads(line)["kind"] for line in journal.read_text().splitlines() if '"fault.' in line]
    assert kinds.count("fault.applied") == kinds.count("fault.reverted") == 1
    if number != signal.SIGKILL:
        assert scheduler.returncode == 3, said
        assert "quick: interrupted" in said
    else:
        again = start(project, "--once", "broken")
        said, _ = again.communicate(timeout=60)
        assert "quick: its run ended with the scheduler that watched it" in said


def test_it_serves_lists_and_ends_on_sigterm(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (project / "schedule.yaml").open("a").write(f"endpoint: 127.0.0.1:{port}\n")
    listed = start(project, "--dry-run", "--next", "2")
    said, _ = listed.communicate(timeout=60)
    assert listed.returncode == 2, said  # what `broken` would run is not there
    assert [line.split()[-1] for line in said.splitlines()[:2]] == ["quick", "broken"]
    scheduler = start(project)
    assert scheduler.stdout is not None
    assert "health and metrics at" in scheduler.stdout.readline()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/health")
    assert json.loads(connection.getresponse().read())["ok"] is True
    connection.close()
    second = start(project)
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 2
    assert "cannot be listened on" in said or "is held by another scheduler" in said
    scheduler.send_signal(signal.SIGTERM)
    said, _ = scheduler.communicate(timeout=30)
    assert scheduler.returncode == 0, said
    assert said.endswith("ended\n")
