"""The fault-free arms that rounds are judged by: fetched from the cache, or run beside the gameday."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from harness.control_cache import ControlCache
from harness.gameday.player import arm_to_json
from harness.gameday.remote import RemotePlayer
from harness.run_folder import RunFolder
from harness.targets.base import Arm

__all__ = ["Controls"]


class Controls:
    """Runs what is not kept, one after another, in a process of their own."""

    def __init__(self, arms: Sequence[Arm], folder: RunFolder, cache: ControlCache) -> None:
        self._arms = arms
        self._folder = folder
        self._cache = cache
        self._heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._player = RemotePlayer(self._heard.put_nowait, folder.path / "player.log")

    async def run(self) -> list[str]:
        """Returns when all are there; what went wrong with any, in words."""
        wanted = [arm for arm in self._arms if not self._kept(arm)]
        if not wanted:
            return []
        problems = []
        await self._player.start()
        try:
            for arm in wanted:
                problem = await self._run(arm)
                problems += [f"{arm.arm_id}: {problem}"] if problem else []
        finally:
            self._player.kill()
            await self._player.close()
        return problems

    def _kept(self, arm: Arm) -> bool:
        """Only the simulator gives the same journal again."""
        return arm.simulated and self._cache.fetch(arm, self._folder.arm_journal(arm.arm_id))

    async def _run(self, arm: Arm) -> str:
        journal = self._folder.arm_journal(arm.arm_id)
        journal.unlink(missing_ok=True)
        self._player.send({"do": "control", "arm": arm_to_json(arm), "journal": str(journal.resolve())})
        while True:
            message = await self._heard.get()
            if message["kind"] == "gone":
                return "its process died (killed, or out of memory)"
            if message["kind"] == "ended":
                if message["reason"] == "horizon" and arm.simulated:
                    self._cache.keep(arm, journal)
                return str(message.get("error", ""))
