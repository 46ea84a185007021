"""The load generator as the harness sees it: a process of Locust's own, driven over pipes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import harness
from harness.errors import TargetError
from harness.live.child import dies_with

__all__ = ["LoadGenerator"]

#: How long it may take to be ready (Locust is a large import), in seconds, and the longest line that it says, in bytes.
_READY_WITHIN_S = 60.0
_LINE_MAX = 1 << 20
_TAIL_LINES = 5
_ROOT = Path(harness.__file__).resolve().parents[1]


class LoadGenerator:
    """``python -m harness.load.process``: its commands and what it says are described there.

    It ends with its input, and on Linux the kernel kills it when this process dies.
    """

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @classmethod
    async def start(cls, arguments: Sequence[str], log: Path) -> Self:
        """Starts it, and returns when it is ready. What it logs goes to ``log``. Raises `TargetError` if it ends."""
        path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "harness.load.process",
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,  # a terminal's Ctrl-C is its parent's business
                preexec_fn=dies_with(os.getpid()),
                limit=_LINE_MAX,
            )
        generator = cls(process, log)
        try:
            async with asyncio.timeout(_READY_WITHIN_S):
                await generator.hear()
        except TimeoutError:
            await generator.end()
            raise TargetError(f"the load generator is not ready after {_READY_WITHIN_S:g} s: {log}") from None
        except BaseException:
            await generator.end()
            raise
        return generator

    @property
    def running(self) -> bool:
        """Whether it is there."""
        return self._process.returncode is None

    def tell(self, command: Mapping[str, Any]) -> None:
        """Gives it a command, which it carries out soon; nothing happens when it has ended."""
        assert self._process.stdin is not None
        if self.running and not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps(dict(command)).encode() + b"\n")

    async def hear(self) -> Mapping[str, Any]:
        """What it says next. Raises `TargetError` if it has ended: that is for `end` to bring about."""
        assert self._process.stdout is not None
        if line := await self._process.stdout.readline():
            said: Mapping[str, Any] = json.loads(line)
            return said
        code = await self._process.wait()
        lines = self._log.read_text(errors="replace").strip().splitlines()[-_TAIL_LINES:]
        shown = "".join(f"\n  {line}" for line in lines)
        raise TargetError(f"the load generator ended with {code}. Its log, {self._log}, ends so:{shown or ' (empty)'}")

    async def end(self) -> None:
        """Kills it, whatever its state; nothing happens if it has ended."""
        if self.running:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
