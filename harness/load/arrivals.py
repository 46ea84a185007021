"""Open-loop arrivals as a Locust user. Importing this module lets gevent replace Python's sockets and threads.

As a locustfile, also for Locust's distributed mode (each worker takes its share of the plan)::

    locust -f arrivals.py --headless --users 1 --host http://127.0.0.1:8000 --plan plan.jsonl
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gevent
from gevent.pool import Group
from geventhttpclient.client import HTTPClientPool
from locust import FastHttpUser, events, task
from locust.exception import StopUser

from harness.load.plan import Shot, read_plan, share_of

__all__ = ["PATIENCE_S", "Arrivals", "OpenLoop"]

#: A user gives up after this long, in seconds.
PATIENCE_S = 2.0
_CONNECTIONS = 2000

#: (shot, how many seconds late it was sent, seconds since the beginning when it ended, HTTP status or 0, answer)
OnAnswer = Callable[[Shot, float, float, int, bytes], None]


class Arrivals(FastHttpUser):
    """Sends each request at its planned moment, whatever became of the ones before it.

    The response time in Locust's statistics counts from the *intended* moment: a generator or a server that falls
    behind cannot hide it (coordinated omission).
    """

    network_timeout = PATIENCE_S
    connection_timeout = PATIENCE_S
    client_pool = HTTPClientPool(concurrency=_CONNECTIONS, network_timeout=PATIENCE_S, connection_timeout=PATIENCE_S)
    #: Seconds since the epoch of the plan's beginning; None: when the user starts.
    begin: float | None = None
    shots: Sequence[Shot] = ()
    #: What becomes of a body just before it is sent.
    on_send: Callable[[str], str] | None = None
    on_answer: OnAnswer | None = None

    @task
    def arrive(self) -> None:
        """The whole plan, once."""
        begin = time.time() if self.begin is None else self.begin
        sent = Group()
        for shot in self.shots:
            gevent.sleep(max(begin + shot.at - time.time(), 0))
            sent.spawn(self.send, shot, begin)
        sent.join()
        raise StopUser

    def send(self, shot: Shot, begin: float) -> None:
        """One request. One that takes longer than a user's patience has no answer, and ended when that was over."""
        body = shot.body if self.on_send is None else self.on_send(shot.body)
        headers = {"content-type": "application/json"}
        sent = time.time() - begin
        with self.client.post(shot.path, data=body, headers=headers, catch_response=True) as response:
            ended = min(time.time() - begin, sent + PATIENCE_S)
            status = response.status_code if ended < sent + PATIENCE_S else 0
            response.request_meta["response_time"] = (ended - shot.at) * 1000
            content = response.content or b""
            if status != 200:
                response.failure(f"status {status}")
        if self.on_answer is not None:
            self.on_answer(shot, sent - shot.at, ended, status, content)


class OpenLoop:
    """What a locustfile needs besides the user: where the plan comes from."""

    @staticmethod
    def add_options(parser: Any) -> None:
        """Locust's command line learns ``--plan``."""
        parser.add_argument("--plan", type=Path, help="planned requests, a JSON object a line", env_var="LOCUST_PLAN")

    @staticmethod
    def load(environment: Any, **_: Any) -> None:
        """Each worker takes its share."""
        plan = getattr(environment.parsed_options, "plan", None)
        if plan is None:
            return
        runner = environment.runner
        part = max(getattr(runner, "worker_index", 0), 0)
        parts = max(getattr(environment.parsed_options, "expect_workers", 1) or 1, 1)
        Arrivals.shots = share_of(read_plan(plan), part, parts)


events.init_command_line_parser.add_listener(OpenLoop.add_options)  # type: ignore[no-untyped-call]
events.test_start.add_listener(OpenLoop.load)  # type: ignore[no-untyped-call]
