"""The console's end of the process in which the pipeline runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.gameday.wire import Message

__all__ = ["RemotePlayer"]

#: The longest message that is taken, in bytes.
_LONGEST = 1 << 24


class RemotePlayer:
    """Starts the process and passes on what it says. ``on_message`` also gets ``{"kind": "gone"}`` when it ends."""

    def __init__(self, on_message: Callable[[Message], None], log: Path) -> None:
        self._on_message = on_message
        self._log = log
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Starts the process, in a session of its own: Ctrl-C is the console's to handle."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "harness.gameday.player",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                limit=_LONGEST,
                start_new_session=True,
            )
        self._reader = asyncio.create_task(self._read(self._process))

    def send(self, command: Mapping[str, Any]) -> None:
        """Sends a command; nothing happens if the process is gone."""
        if self._process is not None and self._process.stdin is not None and self.running:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")

    def kill(self) -> None:
        """Ends the process at once."""
        if self._process is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def close(self, patience_s: float = 10.0) -> None:
        """Asks the process to end, which it does when it has reverted what is applied; kills it if it does not."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), patience_s)
        except TimeoutError:
            self.kill()
            await self._process.wait()
        if self._reader is not None:
            await self._reader

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self._on_message(json.loads(line))
        await process.wait()
        self._on_message({"kind": "gone", "code": process.returncode})
