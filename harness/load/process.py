"""The load generator's process: ``python -m harness.load.process PLAN URL``.

A line of JSON a command, a line an answer.

In: ``{"do": "begin", "at": epoch_s}``, ``{"do": "surge" | "malformed" | "slow_clients", "fault_id": ..., ...}``,
``{"do": "calm", "fault_id": ...}``. Out: ``{"ready": true}``, ``{"key", "sent", "ended", "status", "answer"}`` for each
planned request (seconds since the beginning), ``{"fault_id", "touched"}``, ``{"done": true}``. The end of the input is
its own end.
"""

from __future__ import annotations

import harness.load.arrivals as arrivals  # isort: skip - first: gevent replaces the sockets of all that follows

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
from gevent.event import Event
from gevent.fileobject import FileObject
from locust import events
from locust.env import Environment

from harness.load.hostile import Malformed, SlowClients, Surge
from harness.load.plan import Shot, read_plan

#: An answer larger than this is cut: it is none of a prediction service.
_ANSWER_MAX = 65_536


class Generator:
    """Locust as a library with one open-loop user, and the faults in what users send."""

    def __init__(self, plan: Path, url: str, out: Any) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._out = out
        self._hostile: dict[str, Callable[[Shot, Callable[[Shot], None]], None]] = {}
        self._slow: dict[str, SlowClients] = {}
        arrivals.Arrivals.host = url
        arrivals.Arrivals.shots = read_plan(plan)
        arrivals.Arrivals.on_shot = staticmethod(self._on_shot)
        arrivals.Arrivals.on_answer = staticmethod(self._on_answer)
        self._runner = Environment(user_classes=[arrivals.Arrivals], events=events, host=url).create_local_runner()
        self._ended = Event()

    def say(self, message: Mapping[str, Any]) -> None:
        """One line out."""
        self._out.write(f"{json.dumps(message)}\n".encode())
        self._out.flush()

    def begin(self, at: float) -> None:
        """The plan's beginning, in epoch seconds."""
        arrivals.Arrivals.begin = at
        self._runner.start(1, spawn_rate=1)
        gevent.spawn(self._watch)

    def _watch(self) -> None:
        while self._runner.user_count == 0:
            gevent.sleep(0.01)
        while self._runner.user_count:
            gevent.sleep(0.1)
        self.say({"done": True})

    def command(self, told: Mapping[str, Any]) -> None:
        """Carries out one command; raises ``ValueError`` or ``KeyError`` for one that there is not."""
        what = told["do"]
        if what == "begin":
            self.begin(float(told["at"]))
            return
        fault_id = str(told["fault_id"])
        self.calm(fault_id)
        if what == "surge":
            self._hostile[fault_id] = Surge(float(told["factor"]), self._touched(fault_id))
        elif what == "malformed":
            self._hostile[fault_id] = Malformed(float(told["per_request"]), self._touched(fault_id))
        elif what == "slow_clients":
            self._slow[fault_id] = SlowClients(*self._address, int(told["connections"]), self._touched(fault_id))
        elif what != "calm":
            raise ValueError(f"unknown command {what!r}")

    def calm(self, fault_id: str) -> None:
        """Takes a fault back; nothing happens if there is none."""
        self._hostile.pop(fault_id, None)
        slow = self._slow.pop(fault_id, None)
        if slow is not None:
            slow.stop()

    def stop(self) -> None:
        """Ends everything."""
        for fault_id in list(self._slow):
            self.calm(fault_id)
        self._runner.quit()

    def _touched(self, fault_id: str) -> Callable[[int], None]:
        return lambda count: self.say({"fault_id": fault_id, "touched": count})

    def _on_shot(self, shot: Shot, send: Callable[[Shot], None]) -> None:
        for act in list(self._hostile.values()):
            act(shot, send)

    def _on_answer(self, shot: Shot, sent: float, ended: float, status: int, content: bytes) -> None:
        answer = content[:_ANSWER_MAX].decode("utf-8", "replace") if status == 200 else ""
        self.say({"key": shot.key, "sent": sent, "ended": ended, "status": status, "answer": answer})


def main() -> int:
    """Runs until its input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("plan", type=Path)
    parser.add_argument("url")
    told = parser.parse_args()
    out = FileObject(sys.stdout.fileno(), "wb", close=False)
    generator = Generator(told.plan, told.url, out)
    generator.say({"ready": True})
    try:
        for line in FileObject(sys.stdin.fileno(), "rb", close=False):
            generator.command(json.loads(line))
    finally:
        generator.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
