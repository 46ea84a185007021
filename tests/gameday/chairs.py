"""People at a console without a browser, and what its run's files say of a gameday on real processes or containers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx


class Chair:
    """A person at the console, without a browser."""

    def __init__(self, link: str, name: str) -> None:
        base = link.split("/join")[0]
        self._web = httpx.Client(base_url=base, headers={"origin": base}, timeout=30)
        token = link.split("token=")[1]
        self._web.post("/join", data={"token": token, "name": name, "role": "on call"})

    def wish(self, what: str, **fields: Any) -> None:
        self._web.post(f"/do/{what}", json=fields).raise_for_status()

    def abort(self, run: Path) -> float:
        """Aborts the round that goes on; after how many seconds a fault was taken back."""
        self.wish("abort")
        aborted = time.monotonic()
        until(lambda: any("fault.reverted" in kinds(part) for part in run.glob("arms/*.jsonl")), 20)
        return time.monotonic() - aborted

    def close(self) -> None:
        self._web.close()


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]


def until(holds: Callable[[], Any], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def kinds(path: Path) -> list[str]:
    return [line["kind"] for line in lines(path)] if path.is_file() else []
