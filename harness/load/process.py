"""The load generator's process: ``python -m harness.load.process PLAN URL``.

A line of JSON a command, a line an answer.

In: ``{"do": "begin", "at": epoch_s}``; the actions of traffic faults, with the ``time_scale`` of the replay:
``{"do": "load", "load_id", "kind", "per_minute", "clients", ...}``, ``{"do": "unload", "load_id"}``,
``{"do": "alter", "alter_id", "field", ...}``, ``{"do": "unalter", "alter_id"}``. Each may come twice.

Out: ``{"ready": true}``, ``{"key", "late", "ended", "status", "answer"}`` for each planned request (``late``: seconds
after its moment; ``ended``: seconds since the beginning), ``{"id", "touched"}`` for each request of a load and each
one altered, ``{"done": true}``. The end of the input is its own end.

``--bodies`` names the module that knows what requests look like: ``bodies_of(load, planned)`` gives those of a load
for ever, ``altered(planned, how)`` a changed one or None.
"""

from __future__ import annotations

import harness.load.arrivals as arrivals  # isort: skip - first: gevent replaces the sockets of all that follows

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gevent
from gevent.fileobject import FileObject
from gevent.lock import BoundedSemaphore
from locust import events
from locust.env import Environment

from harness.load.hostile import Load, Place
from harness.load.plan import Shot, read_plan

#: An answer larger than this is cut: it is none of a prediction service.
_ANSWER_MAX = 65_536


class Generator:
    """Locust as a library with one open-loop user, and beside it what traffic faults send.

    ``place`` is where loads go; ``bodies`` the module of ``--bodies``.
    """

    def __init__(self, plan: Path, url: str, place: Place, bodies: Any, time_scale: float, out: Any) -> None:
        self._place = place
        self._bodies = bodies
        self._time_scale = time_scale
        self._out = out
        self._writing = BoundedSemaphore()
        self._loads: dict[str, Load] = {}
        self._alterations: dict[str, Mapping[str, Any]] = {}
        shots = read_plan(plan)
        self._planned = [json.loads(shot.body) for shot in shots]
        arrivals.Arrivals.host = url
        arrivals.Arrivals.shots = shots
        arrivals.Arrivals.on_send = staticmethod(self._on_send)
        arrivals.Arrivals.on_answer = staticmethod(self._on_answer)
        self._runner = Environment(user_classes=[arrivals.Arrivals], events=events, host=url).create_local_runner()
        self._commands: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
            "begin": lambda told: self.begin(float(told["at"])),
            "load": self.load,
            "unload": lambda told: self.unload(told["load_id"]),
            "alter": lambda told: self._alterations.update({told["alter_id"]: told}),
            "unalter": self._unalter,
        }

    def say(self, message: Mapping[str, Any]) -> None:
        """One line out."""
        line = f"{json.dumps(message)}\n".encode()
        with self._writing:
            self._out.write(line)
            self._out.flush()

    def command(self, told: Mapping[str, Any]) -> None:
        """Carries out one command; raises ``KeyError`` for one that there is not."""
        self._commands[told["do"]](told)

    def begin(self, at: float) -> None:
        """The plan's beginning, in epoch seconds."""
        arrivals.Arrivals.begin = at
        self._runner.start(1, spawn_rate=1)
        gevent.spawn(self._watch)

    def load(self, told: Mapping[str, Any]) -> None:
        """Starts a load; nothing happens a second time."""
        load_id = told["load_id"]
        if load_id not in self._loads:
            self._loads[load_id] = Load(
                self._place,
                self._bodies.bodies_of(told, self._planned),
                self._touched(load_id),
                every_s=60.0 / told["per_minute"] / self._time_scale,
                clients=told["clients"],
                pause_s=told["pause_s"] if told["kind"] == "slow_clients" else None,
            )
            self._loads[load_id].start()

    def unload(self, load_id: str) -> None:
        """Ends a load; nothing happens if there is none."""
        load = self._loads.pop(load_id, None)
        if load is not None:
            load.stop()

    def _unalter(self, told: Mapping[str, Any]) -> None:
        self._alterations.pop(told["alter_id"], None)

    def stop(self) -> None:
        """Ends everything."""
        for load_id in list(self._loads):
            self.unload(load_id)
        self._runner.quit()

    def _watch(self) -> None:
        while self._runner.user_count == 0:
            gevent.sleep(0.01)
        while self._runner.user_count:
            gevent.sleep(0.1)
        self.say({"done": True})

    def _touched(self, fault_id: str) -> Callable[[int], None]:
        return lambda count: self.say({"id": fault_id, "touched": count})

    def _on_send(self, body: str) -> str:
        for alter_id, how in self._alterations.items():
            changed = self._bodies.altered(json.loads(body), how)
            if changed is not None:
                body = json.dumps(changed)
                self.say({"id": alter_id, "touched": 1})
        return body

    def _on_answer(self, shot: Shot, late: float, ended: float, status: int, content: bytes) -> None:
        answer = content[:_ANSWER_MAX].decode("utf-8", "replace") if status == 200 else ""
        self.say({"key": shot.key, "late": late, "ended": ended, "status": status, "answer": answer})


def main() -> int:
    """Runs until its input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("plan", type=Path)
    parser.add_argument("url")
    parser.add_argument("--bodies", required=True, help="module that makes the requests of loads")
    parser.add_argument("--load-url", required=True, help="where loads go")
    parser.add_argument("--load-from", help="address that loads come from")
    parser.add_argument("--time-scale", type=float, default=1.0)
    told = parser.parse_args()
    parts = urlsplit(told.load_url)
    place = Place(parts.hostname or "127.0.0.1", parts.port or 80, parts.path or "/", told.load_from)
    out = FileObject(sys.stdout.fileno(), "wb", close=False)
    generator = Generator(told.plan, told.url, place, importlib.import_module(told.bodies), told.time_scale, out)
    generator.say({"ready": True})
    try:
        for line in FileObject(sys.stdin.fileno(), "rb", close=False):
            generator.command(json.loads(line))
    finally:
        generator.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
